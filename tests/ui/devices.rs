//! The device in the top bar: a word where there is one, a list where there are several, and a warning where it is gone.

use egui::Theme;
use egui_kittest::kittest::Queryable;
use handful::app::{App, Settings};
use handful::core::TaskKind;
use handful::model::{DeviceChoice, DeviceInfo, Precision};

use crate::support::{Desk, project};

fn desk_with(devices: &[(DeviceChoice, &str)]) -> Desk {
    let texts = "rain and wind,weather,\nsoup and bread,food,\n";
    let size = [1280.0, 800.0];
    let mut desk = project(TaskKind::SingleLabel, &["weather", "food"], texts, size, Theme::Dark);
    let info = |(id, name): &(DeviceChoice, &str)| DeviceInfo {
        id: *id,
        name: (*name).to_owned(),
    };
    desk.app().devices = devices.iter().map(info).collect();
    desk.app().device = DeviceChoice::Auto;
    desk.app().precisions = vec![Precision::F32];
    desk.harness.run_steps(3);
    desk
}

const CPU: (DeviceChoice, &str) = (DeviceChoice::Cpu, "A processor");
const CARD: (DeviceChoice, &str) = (DeviceChoice::Cuda(0), "A graphics card");

#[test]
fn with_the_cpu_alone_there_is_nothing_to_choose() {
    let desk = desk_with(&[CPU]);
    desk.harness.get_by_label_contains("CPU ·");
    assert!(desk.harness.query_by_label_contains("Device:").is_none());
}

#[test]
fn a_chosen_device_is_used_and_remembered() {
    let mut desk = desk_with(&[CARD, CPU]);
    let file = desk.folder.path().join("settings.json");
    desk.app().settings = Settings::load_from(&file);
    desk.harness.get_by_label("Device: CUDA 0").click();
    desk.harness.run_steps(3);
    for offered in ["Automatic (CUDA 0)", "CUDA 0 · A graphics card"] {
        desk.harness.get_by_label(offered);
    }
    desk.harness.check_accessibility();
    desk.harness.get_by_label_contains("CPU ·").click();
    desk.harness.run_steps(3);
    assert_eq!(desk.app().device, DeviceChoice::Cpu);
    desk.harness.get_by_label_contains("Device: CPU ·");
    let app = App::new(Settings::load_from(&file)).unwrap();
    assert_eq!(app.device, DeviceChoice::Cpu, "at the next start");
}

#[test]
fn a_device_that_is_gone_says_so_and_another_can_be_chosen() {
    let mut desk = desk_with(&[CPU]);
    desk.app().device = DeviceChoice::Cuda(1);
    desk.harness.run_steps(3);
    desk.harness.get_by_label("Device: CUDA 1 is not here").click();
    desk.harness.run_steps(3);
    desk.harness.get_by_label_contains("Automatic (CPU ·").click();
    desk.harness.run_steps(3);
    assert_eq!(desk.app().device, DeviceChoice::Auto);
}

#[test]
fn a_processor_with_fast_products_offers_them() {
    let mut desk = desk_with(&[CPU]);
    let file = desk.folder.path().join("settings.json");
    desk.app().settings = Settings::load_from(&file);
    desk.app().precisions = Precision::ALL.to_vec();
    desk.harness.run_steps(3);
    desk.harness.get_by_label_contains("Device: CPU ·").click();
    desk.harness.run_steps(3);
    desk.harness.check_accessibility();
    desk.harness.get_by_label_contains("bf16, rounded").click();
    desk.harness.run_steps(3);
    assert_eq!(
        (desk.app().device, desk.app().precision),
        (DeviceChoice::Auto, Precision::Bf16)
    );
    desk.harness.get_by_label_contains("· bf16");
    assert_eq!(
        App::new(Settings::load_from(&file)).unwrap().precision,
        Precision::Bf16,
        "at the next start"
    );
}
