//! Weight files that are not what they claim to be: each is refused with a message that names it, and nothing in it is run.

use super::WeightFiles;
use super::tests::{fixture, folder, says};
use crate::model::Encoder;
use candle_core::Device;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;

fn message(dir: &Path) -> String {
    match Encoder::load(dir, &Device::Cpu) {
        Ok(_) => panic!("the folder was accepted"),
        Err(error) => error.to_string(),
    }
}

/// What is said about the tiny model in a layout after `change`.
fn after(layout: &str, change: impl FnOnce(&Path)) -> String {
    let dir = folder(layout);
    change(dir.path());
    message(dir.path())
}

/// Changes the index of the shards.
fn after_index(change: impl FnOnce(&mut Value)) -> String {
    after("shards", |dir| {
        let path = dir.join("model.safetensors.index.json");
        let mut index = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        change(&mut index);
        std::fs::write(path, index.to_string()).unwrap();
    })
}

#[test]
fn an_index_that_points_elsewhere_is_refused() {
    let index = "model.safetensors.index.json";
    for path in [
        "../x",
        "../x.safetensors",
        "/etc/passwd",
        "a/b.safetensors",
        "a\\b.safetensors",
        "",
        ".safetensors",
        ".x.safetensors",
        "pytorch_model.bin",
        "C:x.safetensors",
    ] {
        let message = after_index(|index| index["weight_map"]["embeddings.LayerNorm.bias"] = json!(path));
        says(&message, &["which is no .safetensors file of this folder", index]);
    }
    let many =
        |map: &mut Value| (0..200).for_each(|n| map["weight_map"][format!("t{n}")] = json!(format!("{n}.safetensors")));
    says(&after_index(many), &["more than the 128", index]);
    says(
        &after_index(|map| map["weight_map"] = json!({})),
        &["names no tensor", index],
    );
    says(&after_index(|map| map["weight_map"] = json!([1])), &["no index", index]);
    says(&after_index(|map| *map = json!({})), &["no index", "weight_map", index]);
    let large = after("shards", |dir| {
        std::fs::write(dir.join(index), vec![b' '; 17 << 20]).unwrap()
    });
    says(&large, &["more than", index]);
}

#[test]
fn a_shard_that_is_missing_cut_off_or_lacks_a_tensor_is_named() {
    let second = "model-00002-of-00003.safetensors";
    let gone = after("shards", |dir| std::fs::remove_file(dir.join(second)).unwrap());
    says(&gone, &["read the weights", second]);
    let cut = after("shards", |dir| {
        let bytes = std::fs::read(dir.join(second)).unwrap();
        std::fs::write(dir.join(second), &bytes[..bytes.len() - 4]).unwrap();
    });
    says(&cut, &["cut off", second]);
    let name = "embeddings.word_embeddings.weight";
    let moved = after_index(|index| index["weight_map"][name] = json!(second));
    says(
        &moved,
        &[name, second, "where the index says", "model.safetensors.index.json"],
    );
    let unlisted = after_index(|index| drop(index["weight_map"].as_object_mut().unwrap().remove(name)));
    says(&unlisted, &[name, "is missing", "model.safetensors.index.json"]);
}

#[test]
fn a_file_longer_than_its_tensors_is_refused() {
    for (layout, file) in [("model", "model.safetensors"), ("torch-old", "pytorch_model.bin")] {
        let longer = after(layout, |dir| {
            let path = dir.join(file);
            std::fs::OpenOptions::new()
                .append(true)
                .open(path)
                .unwrap()
                .write_all(&[0; 12])
                .unwrap();
        });
        says(&longer, &["is longer than", file]);
    }
}

#[test]
fn headers_that_cannot_be_right_are_refused() {
    let file = |length: u64, header: &str, data: &[u8]| [&length.to_le_bytes(), header.as_bytes(), data].concat();
    let tensor = |shape: &str, end: u64| {
        let header = format!(r#"{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":[0,{end}]}}}}"#);
        file(header.len() as u64, &header, &[0; 8])
    };
    let cases = [
        (file(u64::MAX, "{}", &[]), "header of 18446744073709551615 bytes"),
        (file(200_000_000, "{}", &[]), "header of 200000000 bytes"),
        (file(3, "[1]", &[]), "header cannot be used"),
        (tensor("[4294967296,4294967296,4294967296]", 8), "header cannot be used"),
        (tensor("[2]", 12), "header cannot be used"),
        (tensor("[3]", 12), "cut off"),
        (tensor("[1]", 4), "longer than"),
    ];
    for (bytes, expected) in cases {
        let message = after("model", |dir| {
            std::fs::write(dir.join("model.safetensors"), bytes).unwrap()
        });
        says(&message, &[expected, "model.safetensors"]);
    }
}

#[test]
fn torch_files_that_are_cut_off_or_something_else_are_refused() {
    for layout in ["torch", "torch-old"] {
        let whole = std::fs::read(fixture(layout).join("pytorch_model.bin")).unwrap();
        for keep in [0, 1, 4, 100, 3000, whole.len() / 2, whole.len() - 1] {
            let cut = after(layout, |dir| {
                std::fs::write(dir.join("pytorch_model.bin"), &whole[..keep]).unwrap()
            });
            says(&cut, &["incomplete", "pytorch_model.bin"]);
        }
    }
    let cases: [(&[u8], &str); 5] = [
        (b"<html>not found</html>", "no file written by torch.save"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
            "git lfs pull",
        ),
        (b"\x80\x02K\x01.\x80\x02K\x01.\x80\x02}.", "none of torch"),
        (b"\x80\x02cos\nsystem\n.", "os.system"),
        (
            &zipped(&[("a/data.pkl", b"\x80\x02]."), ("b/data.pkl", b"\x80\x02].")], false),
            "more than one pickle",
        ),
    ];
    for (bytes, expected) in cases {
        let message = after("torch", |dir| {
            std::fs::write(dir.join("pytorch_model.bin"), bytes).unwrap()
        });
        says(&message, &[expected, "pytorch_model.bin"]);
    }
}

fn zipped(entries: &[(&str, &[u8])], compressed: bool) -> Vec<u8> {
    let method = if compressed {
        zip::CompressionMethod::Deflated
    } else {
        zip::CompressionMethod::Stored
    };
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The pickle of `{"w": tensor}` as torch writes it, with sizes of one's own; each is a pickled number.
fn pickled(n_stored: &[u8], offset: &[u8], shape: &[u8], strides: &[u8]) -> Vec<u8> {
    [
        b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu".as_slice(),
        n_stored,
        b"tQ",
        offset,
        shape,
        strides,
        b"\x89ccollections\nOrderedDict\n)RtRs.",
    ]
    .concat()
}

/// What is said about a torch file with four numbers and this pickle; nothing for a tensor that can be read.
fn verdict(pickle: &[u8]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let bytes = zipped(&[("m/data.pkl", pickle), ("m/data/0", &[0; 16])], false);
    std::fs::write(dir.path().join("pytorch_model.bin"), bytes).unwrap();
    let read = WeightFiles::open(dir.path()).and_then(|weights| weights.read("w", &Device::Cpu));
    read.map_or_else(|error| error.to_string(), |_| String::new())
}

#[test]
fn tensors_that_reach_beyond_their_numbers_are_refused() {
    assert_eq!(verdict(&pickled(b"K\x04", b"K\x00", b"K\x04\x85", b"K\x01\x85")), "");
    assert_eq!(
        verdict(&pickled(b"K\x04", b"K\x01", b"K\x01K\x02\x86", b"K\x63K\x02\x86")),
        ""
    );
    let huge = b"\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x40".as_slice();
    let two = |a: &[u8], b: &[u8]| [a, b, b"\x86"].concat();
    let cases: [(Vec<u8>, &str); 9] = [
        (
            pickled(b"K\x05", b"K\x00", b"K\x04\x85", b"K\x01\x85"),
            "16 bytes where 5 numbers",
        ),
        (pickled(huge, b"K\x00", b"K\x04\x85", b"K\x01\x85"), "16 bytes where"),
        (
            pickled(b"K\x04", b"K\x01", b"K\x04\x85", b"K\x01\x85"),
            "does not fit the 4 numbers",
        ),
        (pickled(b"K\x04", huge, b"K\x04\x85", b"K\x01\x85"), "does not fit"),
        (pickled(b"K\x04", b"K\x00", b"K\x05\x85", b"K\x00\x85"), "does not fit"),
        (
            pickled(b"K\x04", b"K\x00", b"K\x02\x85", &[huge, b"\x85"].concat()),
            "does not fit",
        ),
        (
            pickled(b"K\x04", b"K\x00", &two(huge, huge), &two(b"K\x00", b"K\x00")),
            "does not fit",
        ),
        (
            pickled(b"K\x04", b"K\x00", b"J\xff\xff\xff\xff\x85", b"K\x01\x85"),
            "damaged",
        ),
        (pickled(b"K\x04", b"K\x00", b"K\x04\x85", b")"), "damaged"),
    ];
    for (pickle, expected) in cases {
        says(&verdict(&pickle), &[expected, "pytorch_model.bin"]);
    }
}

#[test]
fn a_pickle_that_would_run_a_command_runs_nothing() {
    let dir = folder("torch");
    let witness = dir.path().join("ran");
    let command = format!("touch {}", witness.display());
    let text = [
        b"X".as_slice(),
        &(command.len() as u32).to_le_bytes(),
        command.as_bytes(),
    ]
    .concat();
    // What pickle.dumps(x, 2) gives for an x whose __reduce__ returns (os.system, (command,)): alone, and as a value among tensors.
    let call = [b"cposix\nsystem\n".as_slice(), &text, b"\x85R"].concat();
    let alone = [b"\x80\x02", call.as_slice(), b"."].concat();
    let among = [b"\x80\x02}X\x01\x00\x00\x00a", call.as_slice(), b"s."].concat();
    for pickle in [alone, among] {
        let file = dir.path().join("pytorch_model.bin");
        std::fs::write(&file, zipped(&[("m/data.pkl", &pickle), ("m/data/0", &[0; 16])], false)).unwrap();
        says(
            &message(dir.path()),
            &["posix.system", "nothing of it was run", "pytorch_model.bin"],
        );
        std::fs::write(&file, &pickle).unwrap();
        says(
            &message(dir.path()),
            &["posix.system", "nothing of it was run", "pytorch_model.bin"],
        );
        assert!(!witness.exists());
    }
}

#[test]
fn zips_that_torch_does_not_write_are_refused() {
    let pickle = pickled(b"K\x04", b"K\x00", b"K\x04\x85", b"K\x01\x85");
    let zeros = vec![0; 1 << 20];
    let cases: [(Vec<u8>, &str); 5] = [
        (
            zipped(&[("m/data.pkl", &pickle), ("m/data/0", &zeros)], true),
            "compressed",
        ),
        (zipped(&[("m/data.pkl", &pickle)], false), "numbers of w are missing"),
        (zipped(&[("m/data/0", &[0; 16])], false), "without a data.pkl"),
        (
            zipped(
                &[("m/data.pkl", &pickle), ("m/data/0", &[0; 16]), ("m/byteorder", b"big")],
                false,
            ),
            "big-endian",
        ),
        (
            zipped(&[("m/data.pkl", b"\x80\x02}X\x05\x00\x00\x00modelK\x01s.")], false),
            "no tensors by name",
        ),
    ];
    for (bytes, expected) in cases {
        let message = after("torch", |dir| {
            std::fs::write(dir.join("pytorch_model.bin"), bytes).unwrap()
        });
        says(&message, &[expected, "pytorch_model.bin"]);
    }
}

#[test]
fn any_damage_is_an_error_or_a_tensor_of_bounded_size_and_never_a_panic() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut below = |n: usize| rng.next_u32() as usize % n;
    let files = [
        "torch/pytorch_model.bin",
        "torch-old/pytorch_model.bin",
        "odd/odd.bin",
        "model/model.safetensors",
    ];
    let dir = tempfile::tempdir().unwrap();
    let (mut n_refused, mut n_read) = (0, 0);
    for file in files {
        let whole = std::fs::read(fixture(file)).unwrap();
        let name = if file.ends_with("bin") {
            "pytorch_model.bin"
        } else {
            "model.safetensors"
        };
        for _ in 0..400 {
            let mut bytes = whole.clone();
            for _ in 0..1 + below(3) {
                // What says where things are lies at both ends.
                let at = below(4000.min(whole.len()));
                let at = if below(2) == 0 { at } else { whole.len() - 1 - at };
                bytes[at] = below(256) as u8;
            }
            std::fs::write(dir.path().join(name), &bytes).unwrap();
            let Ok(weights) = WeightFiles::open(dir.path()) else {
                n_refused += 1;
                continue;
            };
            for tensor in weights.names() {
                if let Ok(tensor) = weights.read(tensor, &Device::Cpu) {
                    assert!(tensor.elem_count() * 2 <= bytes.len());
                    n_read += 1;
                }
            }
        }
        std::fs::remove_file(dir.path().join(name)).unwrap();
    }
    assert!(n_refused > 100 && n_read > 1000, "{n_refused} {n_read}");
}
