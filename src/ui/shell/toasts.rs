//! What just happened, for a moment; errors stay until dismissed. The bell keeps them all.

use std::time::Duration;

use egui::Context;

use super::status_bar::look;
use crate::app::{App, NoticeKind};
use crate::ui::{theme, widgets};

const SHOWN_FOR: Duration = Duration::from_secs(5);

/// At most so many at once, the newest lowest.
const AT_ONCE: usize = 3;

/// Shows the newest notices that were not seen.
pub fn toasts(ctx: &Context, app: &mut App) {
    let tokens = theme::tokens(ctx.theme());
    let mut above = 44.0;
    let fresh = app
        .notices
        .iter_mut()
        .enumerate()
        .rev()
        .filter(|(_, notice)| !notice.seen);
    let fresh = fresh.filter(|(_, notice)| notice.kind == NoticeKind::Error || notice.at.elapsed() < SHOWN_FOR);
    for (i, notice) in fresh.take(AT_ONCE) {
        let (icon, color) = look(notice.kind, tokens);
        let (response, dismissed) = widgets::toast(ctx, i as u64, above, icon, color, &notice.text);
        notice.seen |= dismissed;
        above += response.rect.height() + 8.0;
        if notice.kind != NoticeKind::Error {
            ctx.request_repaint_after(SHOWN_FOR.saturating_sub(notice.at.elapsed()));
        }
    }
}
