//! Pickles of data, and pickles of anything else.

use super::pickle::{MAX_VALUES, Pickle, Value};
use super::record::Fault;

fn refusal(bytes: &[u8]) -> String {
    match Pickle::read(bytes) {
        Ok(_) => panic!("the pickle was accepted"),
        Err(Fault::Refused(reason) | Fault::Incomplete(reason)) => reason,
    }
}

#[test]
fn numbers_and_texts_are_read() {
    // pickle.dumps(x, 2) for each; the first is torch's magic number.
    let table: [(&[u8], &str); 5] = [
        (
            b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.",
            "Int(119547037146038801333356)",
        ),
        (b"\x80\x02\x8a\x05\x00\x00\x00\x00\xff.", "Int(-4294967296)"),
        (b"\x80\x02J\xfe\xff\xff\xff.", "Int(-2)"),
        (b"\x80\x02X\x03\x00\x00\x00\xc3\xa9aq\x00.", "Text(\"éa\")"),
        (b"\x80\x02\x88.", "Bool(true)"),
    ];
    for (bytes, expected) in table {
        let (pickle, n) = Pickle::read(bytes).unwrap();
        assert_eq!((format!("{:?}", pickle.top()).as_str(), n), (expected, bytes.len()));
    }
}

#[test]
fn whatever_is_not_data_is_refused_by_name() {
    // pickle.dumps of an object whose __reduce__ gives (os.system, ("true",)), and the ways around it that pickles know.
    let table: [(&[u8], &str); 7] = [
        (
            b"\x80\x02cposix\nsystem\nq\x00X\x04\x00\x00\x00trueq\x01\x85q\x02Rq\x03.",
            "posix.system",
        ),
        (b"\x80\x02c__builtin__\neval\n.", "__builtin__.eval"),
        (b"\x80\x02ctorch\nload\n.", "torch.load"),
        (b"\x80\x02}(X\x01\x00\x00\x00aX\x01\x00\x00\x00bi", "0x69"),
        (b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c", "0x95"),
        (b"\x80\x02X\x01\x00\x00\x00a)R.", "no name"),
        (b"\x80\x02X\x01\x00\x00\x00a}b.", "attributes"),
    ];
    for (bytes, expected) in table {
        let reason = refusal(bytes);
        assert!(
            reason.contains(expected) && reason.contains("nothing of it was run"),
            "{reason} {expected}"
        );
    }
}

#[test]
fn every_beginning_of_a_pickle_is_an_error() {
    let whole = b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01(X\x01\x00\x00\x00aq\x02K\x01X\x01\x00\x00\x00bq\x03M\x00\x02u}q\x04X\x09\x00\x00\x00_metadataq\x05h\x01sb.";
    assert!(matches!(Pickle::read(whole).unwrap().0.top(), Value::Dict(members) if members.len() == 2));
    for n in 0..whole.len() {
        refusal(&whole[..n]);
    }
}

#[test]
fn what_would_fill_memory_or_the_stack_stays_small() {
    // A tuple of two times the last one, a million times: 2^1000000 values for a reader that copies.
    let doubling = [
        b"\x80\x02Nq\x00".to_vec(),
        b"h\x00h\x00\x86q\x00".repeat(100_000),
        b".".to_vec(),
    ]
    .concat();
    assert!(matches!(Pickle::read(&doubling).unwrap().0.top(), Value::Tuple(_)));
    let nested = [b"\x80\x02N".to_vec(), b"\x85".repeat(1_000_000), b".".to_vec()].concat();
    assert!(matches!(Pickle::read(&nested).unwrap().0.top(), Value::Tuple(_)));
    assert!(refusal(&b"N".repeat(MAX_VALUES + 1)).contains("more than"));
    assert!(refusal(b"\x80\x02X\xff\xff\xff\xff").contains("cut off"));
    assert!(refusal(b"\x80\x02\x8a\xff").contains("cut off"));
    for bytes in [
        b"0".as_slice(),
        b"\x85.",
        b"t.",
        b"(\x85.",
        b"h\x07.",
        b"Na.",
        b"NNs.",
        b"}(Nu.",
        b"NQ.",
        b"NR.",
    ] {
        refusal(bytes);
    }
}
