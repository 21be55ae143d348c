//! `?`: the keys of this screen, and those that work everywhere.

use egui::{Context, Ui, vec2};

use crate::ui::{
    keymap::{GLOBAL, KeyHint},
    screens::Screen,
    theme::{self, Weight, font, size},
    widgets::{Sheet, key_cap, say},
};

/// Shows the sheet; true when it should close.
pub fn show(ctx: &Context, screen: &Screen) -> bool {
    Sheet {
        title: "Keys",
        width: 690.0,
    }
    .show(ctx, |ui| {
        ui.add_space(4.0);
        let narrow = ui.available_width() < 440.0;
        ui.columns(if narrow { 1 } else { 2 }, |columns| {
            let mut columns = columns.iter_mut();
            if let Some(first) = columns.next() {
                if !screen.keys.is_empty() {
                    table(first, screen.title, screen.keys);
                }
                if narrow || screen.keys.is_empty() {
                    table(first, "Everywhere", GLOBAL);
                    return;
                }
            }
            if let Some(second) = columns.next() {
                table(second, "Everywhere", GLOBAL);
            }
        });
    })
}

fn table(ui: &mut Ui, title: &str, keys: &[KeyHint]) {
    let tokens = theme::of(ui);
    ui.spacing_mut().item_spacing.y = 5.0;
    say(ui, title, font(size::SMALL, Weight::SemiBold), tokens.text2);
    for hint in keys {
        ui.horizontal(|ui| {
            ui.allocate_ui_with_layout(
                vec2(120.0, 20.0),
                egui::Layout::left_to_right(egui::Align::Center),
                |ui| {
                    ui.set_min_width(120.0);
                    ui.spacing_mut().item_spacing.x = 4.0;
                    for part in hint.keys.split("  ") {
                        key_cap(ui, part);
                    }
                },
            );
            say(ui, hint.does, font(size::BASE, Weight::Regular), tokens.text);
        });
    }
    ui.add_space(8.0);
}
