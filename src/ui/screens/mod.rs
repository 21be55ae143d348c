//! The screens, as data: the rail, the palette, the keys and the tests walk over [`SCREENS`].
//!
//! A new screen is a file here and a line in the table.

use egui::{Context, Ui};
use lucide_icons::Icon;

use super::{desk::Desk, keymap::KeyHint};

pub mod annotate;
pub mod data;
pub mod evaluate;
pub mod export;
pub mod labels;
pub mod models;
pub mod preview;
pub mod train;
pub mod welcome;

/// A screen's stable name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ScreenId(pub &'static str);

impl Default for ScreenId {
    fn default() -> Self {
        data::ID
    }
}

/// A screen.
pub struct Screen {
    /// Its stable name.
    pub id: ScreenId,
    /// As the rail and the palette call it.
    pub title: &'static str,
    /// In the rail.
    pub icon: Icon,
    /// Whether it has a place in the rail; the last one stands at its foot.
    pub in_rail: bool,
    /// Its keys, for the help.
    pub keys: &'static [KeyHint],
    /// Reads its keys, before anything is drawn, so that the answer to a key is in the same frame.
    pub on_keys: fn(&Context, &mut Desk),
    /// Draws it.
    pub ui: fn(&mut Ui, &mut Desk),
}

/// Every screen, in the order of the work.
pub static SCREENS: &[Screen] = &[
    data::SCREEN,
    labels::SCREEN,
    annotate::SCREEN,
    train::SCREEN,
    evaluate::SCREEN,
    preview::SCREEN,
    export::SCREEN,
    models::SCREEN,
    welcome::SCREEN,
];

/// The screen with an id; the first one for an unknown id.
pub fn screen(id: ScreenId) -> &'static Screen {
    SCREENS.iter().find(|screen| screen.id == id).unwrap_or(&SCREENS[0])
}

/// What the screens remember between frames.
#[derive(Default)]
#[allow(missing_docs)]
pub struct Memory {
    pub data: data::Memory,
    pub labels: labels::Memory,
    pub annotate: annotate::Memory,
    pub train: train::Memory,
    pub evaluate: evaluate::Memory,
    pub preview: preview::Memory,
    pub export: export::Memory,
    pub models: models::Memory,
    /// The file to import once the project that is being made is open.
    pub import_next: Option<std::path::PathBuf>,
}

/// For screens without keys of their own.
pub fn no_keys(_: &Context, _: &mut Desk) {}
