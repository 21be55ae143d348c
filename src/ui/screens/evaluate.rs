//! The Evaluate screen.

use egui::Ui;

use super::{Screen, ScreenId, no_keys};
use crate::ui::{desk::Desk, icons};

/// Its id.
pub const ID: ScreenId = ScreenId("evaluate");

pub(super) const SCREEN: Screen = Screen {
    id: ID,
    title: "Evaluate",
    icon: icons::EVALUATE,
    in_rail: true,
    keys: &[],
    on_keys: no_keys,
    ui,
};

/// What the screen remembers.
#[derive(Default)]
pub struct Memory {}

fn ui(_: &mut Ui, _: &mut Desk) {}
