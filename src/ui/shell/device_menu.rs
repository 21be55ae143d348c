//! Where and how exactly the window computes: the device in the top bar, with a list where there is a choice.

use egui::Ui;

use crate::app::{App, n_cores};
use crate::model::{Compute, DeviceChoice, Precision};
use crate::ui::{
    desk::Desk,
    theme::{self, Weight, font, size},
    widgets::{Dropdown, menu_item, say},
};

pub(super) fn device_ui(ui: &mut Ui, desk: &mut Desk) {
    let app = desk.app;
    let shown = shown(app);
    let choices = compute_choices(app);
    if choices.is_empty() {
        let color = theme::of(ui).text2;
        say(ui, shown, font(size::BASE, Weight::Regular), color);
        return;
    }
    Dropdown::new("Device", &shown).quiet().show(ui, |ui| {
        for (choice, title) in choices {
            if menu_item(ui, &title, choice == app.compute()).clicked() {
                desk.change(move |app| app.compute_on(choice));
            }
        }
    });
}

/// What there is to choose from, as it reads; empty where nothing but the exact CPU is here and nothing else is asked for.
pub fn compute_choices(app: &App) -> Vec<(Compute, String)> {
    let mut choices = Vec::new();
    let exactly = |device| Compute {
        device,
        precision: Precision::F32,
    };
    if let Some(first) = app.devices.first().filter(|_| app.devices.len() > 1 || !is_here(app)) {
        choices.push((exactly(DeviceChoice::Auto), format!("Automatic ({})", short(first.id))));
    }
    for device in &app.devices {
        let title = match device.id {
            DeviceChoice::Cpu => short(DeviceChoice::Cpu),
            id => format!("{} · {}", short(id), device.name),
        };
        // Where the CPU is all there is, automatic means it.
        let id = if app.devices.len() == 1 && is_here(app) {
            app.device
        } else {
            device.id
        };
        choices.push((exactly(id), title));
        if device.id == DeviceChoice::Cpu && app.precisions.contains(&Precision::Bf16) {
            let fast = Compute {
                device: id,
                precision: Precision::Bf16,
            };
            choices.push((fast, format!("{} · bf16, rounded", short(DeviceChoice::Cpu))));
        }
    }
    if choices.len() < 2 && is_here(app) {
        choices.clear();
    }
    choices
}

fn is_here(app: &App) -> bool {
    app.device == DeviceChoice::Auto || app.devices.iter().any(|device| device.id == app.device)
}

/// What computes now.
fn shown(app: &App) -> String {
    let device = match (app.device, app.devices.first()) {
        (DeviceChoice::Auto, Some(first)) => first.id,
        (device, _) if !is_here(app) => return format!("{} is not here", device.title()),
        (device, _) => device,
    };
    match (device, app.precision) {
        (DeviceChoice::Cpu, Precision::Bf16) => format!("{} · bf16", short(device)),
        _ => short(device),
    }
}

fn short(device: DeviceChoice) -> String {
    let cores = n_cores();
    match device {
        DeviceChoice::Cpu => format!("CPU · {cores} {}", if cores == 1 { "core" } else { "cores" }),
        other => other.title(),
    }
}
