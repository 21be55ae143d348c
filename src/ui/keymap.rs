//! The keys: those that work everywhere, and how a key is written.
//!
//! Keys of one screen stand with the screen; while a text field has the keyboard only keys with Ctrl work.

use egui::{Context, Key, KeyboardShortcut, Modifiers};

/// A key and what it does, as the help shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyHint {
    /// As printed on a key cap.
    pub keys: &'static str,
    /// A verb: "skip".
    pub does: &'static str,
}

/// Shorthand for tables of hints.
pub const fn hint(keys: &'static str, does: &'static str) -> KeyHint {
    KeyHint { keys, does }
}

/// What works on every screen.
pub const GLOBAL: &[KeyHint] = &[
    hint("Ctrl K", "every command, by name"),
    hint("Ctrl 1 … 8", "go to a screen"),
    hint("Ctrl Z", "undo"),
    hint("Ctrl Shift Z", "redo"),
    hint("Ctrl O", "open a project or a file"),
    hint("Ctrl N", "new project"),
    hint("Ctrl +  Ctrl -  Ctrl 0", "text size"),
    hint("?", "the keys of this screen"),
    hint("Esc", "close what is open"),
];

const CTRL: Modifiers = Modifiers::COMMAND;
const CTRL_SHIFT: Modifiers = Modifiers {
    shift: true,
    ..Modifiers::COMMAND
};

/// What a global key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum GlobalKey {
    Palette,
    Screen(usize),
    Undo,
    Redo,
    Open,
    New,
    Larger,
    Smaller,
    NormalSize,
}

const DIGITS: [Key; 8] = [
    Key::Num1,
    Key::Num2,
    Key::Num3,
    Key::Num4,
    Key::Num5,
    Key::Num6,
    Key::Num7,
    Key::Num8,
];

/// Takes a global key with Ctrl out of the input, before any widget sees it. Undo and redo belong to a text field that is being typed in.
pub fn global_key(ctx: &Context) -> Option<GlobalKey> {
    let typing = ctx.text_edit_focused();
    let pressed =
        |modifiers, key| ctx.input_mut(|input| input.consume_shortcut(&KeyboardShortcut::new(modifiers, key)));
    if pressed(CTRL, Key::K) {
        return Some(GlobalKey::Palette);
    }
    if !typing {
        if pressed(CTRL_SHIFT, Key::Z) || pressed(CTRL, Key::Y) {
            return Some(GlobalKey::Redo);
        }
        if pressed(CTRL, Key::Z) {
            return Some(GlobalKey::Undo);
        }
    }
    for (key, asks) in [
        (Key::O, GlobalKey::Open),
        (Key::N, GlobalKey::New),
        (Key::Plus, GlobalKey::Larger),
        (Key::Equals, GlobalKey::Larger),
        (Key::Minus, GlobalKey::Smaller),
        (Key::Num0, GlobalKey::NormalSize),
    ] {
        if pressed(CTRL, key) {
            return Some(asks);
        }
    }
    DIGITS.iter().position(|key| pressed(CTRL, *key)).map(GlobalKey::Screen)
}

/// Whether a screen's own letters and digits may be read: nobody is typing and nothing lies over the screen.
pub fn letters_are_free(ctx: &Context) -> bool {
    !ctx.text_edit_focused() && !ctx.any_popup_open() && ctx.memory(|memory| memory.top_modal_layer().is_none())
}

/// Whether Space and Enter belong to the screen: as [`letters_are_free`], and no button has the keyboard.
pub fn space_is_free(ctx: &Context) -> bool {
    letters_are_free(ctx) && ctx.memory(|memory| memory.focused().is_none())
}

/// Takes a key without modifiers out of the input.
pub fn pressed(ctx: &Context, key: Key) -> bool {
    ctx.input_mut(|input| input.consume_key(Modifiers::NONE, key))
}

/// The characters typed in this frame, lower case, without those typed with Ctrl or Alt.
pub fn typed(ctx: &Context) -> Vec<char> {
    ctx.input(|input| {
        if input.modifiers.command || input.modifiers.alt {
            return Vec::new();
        }
        let text = input.events.iter().filter_map(|event| match event {
            egui::Event::Text(text) => Some(text.as_str()),
            _ => None,
        });
        text.flat_map(str::chars).map(|c| c.to_ascii_lowercase()).collect()
    })
}
