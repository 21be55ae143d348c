//! Where to compute: what `--device` takes, whether a device agrees with the CPU, how fast it is.

use candle_core::Device;
use handful::model::tiny::Size;
use serde_json::Value;

use super::{json, refusal, run, sample};

#[test]
fn devices_are_named_and_those_that_are_not_here_refused() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let report = json(home, &["doctor"]);
    let devices = report["devices"].as_array().unwrap();
    let cpu = devices.iter().find(|device| device["id"] == "cpu").unwrap();
    assert!(!cpu["name"].as_str().unwrap().is_empty());
    assert!(cpu["plain"].as_array().unwrap().is_empty() && cpu["fused"].as_array().unwrap().contains(&"linear".into()));

    assert_eq!(run(home, &["doctor", "--device", "abacus"]).status.code(), Some(2));
    let zero_shot = ["zero-shot", "--text", "Hello", "--labels", "a,b", "--device"];
    let missing = refusal(home, &[&zero_shot[..], &["cuda:4711"]].concat());
    assert!(
        missing.contains("--features cuda") || missing.contains("no such device cuda:4711"),
        "{missing}"
    );
    assert_eq!(
        json(home, &[&zero_shot[..], &["cpu"]].concat())["texts"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_training_on_a_missing_device_leaves_no_run() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    json(home, &["new", "news.handful", "--task", "single-label"]);
    json(home, &["import", "news.handful", &sample("news.csv")]);
    let missing = refusal(
        home,
        &["train", "news.handful", "--method", "probe", "--device", "cuda:4711"],
    );
    assert!(missing.contains("CUDA") || missing.contains("cuda:4711"), "{missing}");
    assert!(refusal(home, &["evaluate", "news.handful"]).contains("no run"));
}

#[test]
fn the_cpu_agrees_with_itself() {
    let home = tempfile::tempdir().unwrap();
    let check = json(home.path(), &["doctor", "--check-device", "cpu"]);
    assert_eq!(check["ok"], true);
    assert_eq!(check["device"]["id"], "cpu");
    let steps = check["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 20);
    let difference = |step: &Value| (step["cpu_loss"].as_f64().unwrap() - step["device_loss"].as_f64().unwrap()).abs();
    let largest = steps.iter().map(difference).fold(0.0, f64::max);
    assert_eq!(check["largest_difference"].as_f64(), Some(largest));
    assert!(largest <= check["tolerance"].as_f64().unwrap());
}

#[test]
fn the_speed_of_every_kind_of_work_is_measured() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    Size::TINY
        .encoder(1, &Device::Cpu)
        .unwrap()
        .save(&home.join("tiny"))
        .unwrap();
    let news = sample("news.csv");
    let report = json(
        home,
        &[
            "bench",
            "--encoder",
            "tiny",
            "--seconds",
            "1",
            "--texts",
            &news,
            "--device",
            "cpu",
        ],
    );
    assert_eq!((&report["n_texts"], &report["encoder"]), (&400.into(), &"tiny".into()));
    let devices = report["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 1);
    assert_eq!(devices[0]["device"]["id"], "cpu");
    if cfg!(target_os = "linux") {
        assert!(devices[0]["peak_mb"].as_f64().unwrap() > 1.0);
    }
    let speeds = devices[0]["speeds"].as_array().unwrap();
    let works: Vec<&str> = speeds.iter().filter_map(|speed| speed["work"].as_str()).collect();
    assert_eq!(works, ["encoding", "setfit_step", "fine_tuning_step"]);
    for speed in speeds {
        assert!(speed["n_laps"].as_u64().unwrap() >= 3, "{speed}");
        for figure in ["median_secs", "steps_per_sec", "texts_per_sec"] {
            let figure = speed[figure].as_f64().unwrap();
            assert!(figure > 0.0 && figure.is_finite(), "{speed}");
        }
    }
    assert_eq!(run(home, &["bench", "--seconds", "0"]).status.code(), Some(2));
    assert!(refusal(home, &["bench", "--encoder", "no-such-encoder"]).contains("no-such-encoder"));
}
