//! The window: shell, screens, widgets, theme, keymap. The only room that imports egui.
//!
//! Not here: files, SQL, tensors, training. The window reads the open project and sends commands; it changes nothing itself.

pub mod desk;
pub mod filter;
pub mod icons;
pub mod keymap;
pub mod logo;
pub mod palette;
pub mod raster;
pub mod screens;
pub mod sheets;
pub mod shell;
pub mod snapshot;
pub mod theme;
pub mod widgets;
pub mod window;

pub use snapshot::{Studio, pictures};
pub use window::{Window, run};
