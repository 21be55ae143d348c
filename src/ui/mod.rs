//! The window: shell, screens, widgets, theme, keymap. The only room that imports egui.
//!
//! Not here: files, SQL, tensors, training. The window reads the open project and sends commands; it changes nothing itself.

pub mod icons;
pub mod raster;
pub mod theme;
pub mod widgets;
