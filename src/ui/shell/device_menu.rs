//! Where the window computes: the device in the top bar, with a list where there are several.

use egui::Ui;

use crate::app::{App, n_cores};
use crate::model::DeviceChoice;
use crate::ui::{
    desk::Desk,
    theme::{self, Weight, font, size},
    widgets::{Dropdown, menu_item, say},
};

pub(super) fn device_ui(ui: &mut Ui, desk: &mut Desk) {
    let app = desk.app;
    let shown = shown(app);
    let choices = device_choices(app);
    if choices.is_empty() {
        let color = theme::of(ui).text2;
        say(ui, shown, font(size::BASE, Weight::Regular), color);
        return;
    }
    Dropdown::new("Device", &shown).quiet().show(ui, |ui| {
        for (choice, title) in choices {
            if menu_item(ui, &title, choice == app.device).clicked() {
                desk.change(move |app| app.compute_on(choice));
            }
        }
    });
}

/// What there is to choose from, as it reads; empty where nothing but the CPU is here and nothing else is asked for.
pub fn device_choices(app: &App) -> Vec<(DeviceChoice, String)> {
    let alone = app.devices.len() < 2 && is_here(app);
    let first = app.devices.first().filter(|_| !alone);
    let automatic = first.map(|first| (DeviceChoice::Auto, format!("Automatic ({})", short(first.id))));
    let named = app.devices.iter().filter(|_| !alone).map(|device| {
        let title = match device.id {
            DeviceChoice::Cpu => short(DeviceChoice::Cpu),
            id => format!("{} · {}", short(id), device.name),
        };
        (device.id, title)
    });
    automatic.into_iter().chain(named).collect()
}

fn is_here(app: &App) -> bool {
    app.device == DeviceChoice::Auto || app.devices.iter().any(|device| device.id == app.device)
}

/// The device that computes now.
fn shown(app: &App) -> String {
    match (app.device, app.devices.first()) {
        (DeviceChoice::Auto, Some(first)) => short(first.id),
        (device, _) if !is_here(app) => format!("{} is not here", device.title()),
        (device, _) => short(device),
    }
}

fn short(device: DeviceChoice) -> String {
    let cores = n_cores();
    match device {
        DeviceChoice::Cpu => format!("CPU · {cores} {}", if cores == 1 { "core" } else { "cores" }),
        other => other.title(),
    }
}
