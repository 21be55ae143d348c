//! The pieces screens are made of: each paints itself from the tokens and tells a screen reader its name, role and value.
//!
//! Not here: anything that knows a project. Widgets get values and give responses.

mod bars;
mod button;
mod card;
mod chart;
mod chip;
mod choice;
mod field;
mod heat;
mod histogram;
mod layout;
mod overlay;
mod radio;
mod small_chart;
mod stat;
mod switch;
mod table;
mod tabs;
mod text;

pub use crate::core::number::thousands;
pub use bars::{BarRow, bar_row, paint_bar, progress_bar};
pub use button::{Button, Kind, icon_button};
pub use card::{Card, card_head};
pub use chart::{LineChart, Series, ShareCurve, nice_ticks};
pub use chip::{Chip, key_cap, key_cap_size, key_hint, paint_key_cap, swatch};
pub use choice::choice_card;
pub use field::{Dropdown, FieldWidth, NumberField, TextField, checkbox, field_frame, menu_item, menu_rows, text_area};
pub use heat::{HeatCell, heat_cell, heat_fill};
pub use histogram::{SimpleHistogram, ThresholdHistogram, simple_histogram};
pub use layout::{columns, in_rect, rows, screen_rect, split_left, split_right, split_top};
pub use overlay::{Sheet, empty_state, toast};
pub use radio::{radio, radio_row};
pub use small_chart::SmallChart;
pub use stat::{figure3, prob, prob_short, seconds, stat};
pub use switch::switch;
pub use table::{Align, Column, SortArrow, Table, TableRow, Width};
pub use tabs::{segmented, tabs};
pub use text::{
    cut, galley, galley_cut, galley_wrapped, icon_at, paint_left, paint_middle, paint_right, path_cut, say, text_cut,
    wrapped,
};
