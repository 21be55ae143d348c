//! The frame around every screen: top bar, rail, status bar, toasts.
//!
//! Not here: anything that belongs to one screen.

mod device_menu;
mod rail;
mod status_bar;
mod toasts;
mod top_bar;

pub use device_menu::compute_choices;
pub use rail::rail;
pub use status_bar::status_bar;
pub(crate) use status_bar::time_left;
pub use toasts::toasts;
pub use top_bar::top_bar;
