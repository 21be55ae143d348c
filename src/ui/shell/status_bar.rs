//! The status bar: whether all is saved, undo and redo, what runs and how to stop it, what happened.

use egui::{Align, Frame, Layout, Margin, Panel, Popup, Role, ScrollArea, Sense, Stroke, Ui, Vec2, WidgetInfo, pos2};

use crate::app::{Command, Notice, NoticeKind, Project};
use crate::jobs::{JobId, JobKind};
use crate::ui::{
    desk::Desk,
    icons, sheets,
    theme::{self, Tokens, Weight, font, size, space},
    widgets::{Button, figure3, galley, icon_at, icon_button, paint_left, progress_bar, say, wrapped},
};

/// Shows the status bar.
pub fn status_bar(ui: &mut Ui, desk: &mut Desk) {
    let tokens = theme::of(ui);
    let frame = Frame::new().fill(tokens.panel).inner_margin(Margin::symmetric(16, 0));
    let panel = Panel::bottom("status bar")
        .exact_size(32.0)
        .resizable(false)
        .show_separator_line(false)
        .frame(frame);
    let shown = panel.show(ui, |ui| {
        let width = ui.available_width();
        ui.horizontal_centered(|ui| {
            ui.spacing_mut().item_spacing.x = 12.0;
            match desk.project() {
                Some(project) => {
                    saved_ui(ui, project);
                    history_ui(ui, desk, project);
                }
                None => {
                    say(ui, encoder_line(desk), font(size::SMALL, Weight::Regular), tokens.text3);
                }
            }
            jobs_ui(ui, desk, width);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                bell_ui(ui, desk);
                if let Some(project) = desk.project().filter(|_| width > 900.0) {
                    say(
                        ui,
                        quick_model_line(project),
                        font(size::SMALL, Weight::Regular),
                        tokens.text3,
                    );
                }
            });
        });
    });
    let edge = shown.response.rect;
    ui.painter()
        .hline(edge.x_range(), edge.top() + 0.5, Stroke::new(1.0, tokens.line));
}

fn encoder_line(desk: &Desk) -> String {
    let name = &desk.app.settings.encoder;
    match desk.app.catalog.path(name) {
        Ok(_) => format!("{name} ready"),
        Err(_) => format!("{name} is not on this machine yet: Models fetches it"),
    }
}

fn saved_ui(ui: &mut Ui, project: &Project) {
    let tokens = theme::of(ui);
    let (color, text) = if project.is_saved() {
        (tokens.good, "saved")
    } else {
        (tokens.warning, "saving")
    };
    let text_galley = galley(ui, text, font(size::SMALL, Weight::Regular), color);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(text_galley.size().x + 14.0, 20.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Status, true, text));
    ui.painter()
        .circle_filled(pos2(rect.left() + 4.5, rect.center().y), 4.5, color);
    paint_left(ui.painter(), pos2(rect.left() + 14.0, rect.center().y), text_galley);
    response.on_hover_text(project.store.path().display().to_string());
}

fn history_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    ui.spacing_mut().item_spacing.x = 0.0;
    for (icon, verb, title, command) in [
        (icons::UNDO, "Undo", &project.history.undo, Command::Undo),
        (icons::REDO, "Redo", &project.history.redo, Command::Redo),
    ] {
        let name = title
            .as_ref()
            .map_or_else(|| verb.to_owned(), |title| format!("{verb}: {title}"));
        let button = Button::quiet("").icon(icon).small().name(verb);
        if ui.add_enabled(title.is_some(), button).on_hover_text(name).clicked() {
            desk.run(command);
        }
    }
    ui.spacing_mut().item_spacing.x = 12.0;
}

/// The job a person waits for most, with its figures and its stop button.
fn jobs_ui(ui: &mut Ui, desk: &mut Desk, width: f32) {
    let app = desk.app;
    if let (Some(job), Some(training)) = (
        app.running(JobKind::Train),
        desk.project().and_then(|project| project.training.as_ref()),
    ) {
        let name = desk
            .project()
            .and_then(|p| p.state.run(training.run))
            .map_or("training", |run| run.name.as_str());
        let share = if training.n_steps == 0 {
            0.0
        } else {
            training.step as f32 / training.n_steps as f32
        };
        let mut words = match training.n_steps {
            0 => training.phase.clone(),
            n => format!("step {} of {n}", training.step),
        };
        if let Some(loss) = training.loss {
            words += &format!(" · loss {}", figure3(loss));
        }
        if training.is_scoring() {
            words = training.phase.clone();
        } else if training.paused {
            words += " · paused";
        } else if let Some(left) = training.secs_left.filter(|left| left.is_finite()) {
            words += &format!(" · {} left", time_left(left));
        }
        job_ui(ui, desk, job, name, share, &words, width);
    } else if let Some((job, kind, progress)) = app.progress.last() {
        let share = if progress.total == 0 {
            0.0
        } else {
            progress.done as f32 / progress.total as f32
        };
        job_ui(ui, desk, *job, sheets::job_title(*kind), share, &progress.note, width);
    }
}

fn job_ui(ui: &mut Ui, desk: &mut Desk, job: JobId, name: &str, share: f32, words: &str, width: f32) {
    let tokens = theme::of(ui);
    let small = font(size::SMALL, Weight::Regular);
    if width > 760.0 {
        say(ui, name, small.clone(), tokens.text3);
    }
    progress_bar(ui, name, share, if width > 760.0 { 140.0 } else { 70.0 }, 4.0);
    if width > 560.0 {
        say(ui, words, small, tokens.text2);
    }
    ui.spacing_mut().item_spacing.x = 0.0;
    if icon_button(ui, icons::STOP, &format!("Stop {name}")).clicked() {
        desk.run(Command::Stop(job));
    }
}

/// `9 s`, `2 min`, `1 h`.
pub(crate) fn time_left(secs: f64) -> String {
    match secs {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.0} h", s / 3600.0),
    }
}

fn quick_model_line(project: &Project) -> String {
    let (done, total) = project.embedded;
    match (&project.suggestions, done < total && done > 0) {
        (_, true) => format!("reading texts {done} of {total}"),
        (Some(suggestions), _) => {
            format!(
                "probe refitted on {} texts in {}",
                suggestions.n_train,
                millis(suggestions.took_secs)
            )
        }
        _ => String::new(),
    }
}

/// `12 ms`, `1.4 s`.
pub(crate) fn millis(secs: f64) -> String {
    if secs < 1.0 {
        format!("{:.0} ms", secs * 1000.0)
    } else {
        format!("{secs:.1} s")
    }
}

fn bell_ui(ui: &mut Ui, desk: &mut Desk) {
    let tokens = theme::of(ui);
    let n_new = desk.app.notices.iter().filter(|notice| !notice.seen).count();
    let text = if n_new == 0 { String::new() } else { n_new.to_string() };
    let button = Button::quiet(&text).icon(icons::BELL).small().name("Notices");
    let response = ui.add(button).on_hover_text("What happened");
    let opened = Popup::menu(&response)
        .accessible_name("Notices")
        .close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside)
        .show(|ui| {
            ui.set_width(380.0);
            if desk.app.notices.is_empty() {
                say(
                    ui,
                    "Nothing has happened yet.",
                    font(size::BASE, Weight::Regular),
                    tokens.text2,
                );
            }
            ScrollArea::vertical().max_height(320.0).show(ui, |ui| {
                for notice in desk.app.notices.iter().rev().take(50) {
                    notice_ui(ui, notice, tokens);
                }
            });
        });
    if opened.is_some() && n_new > 0 {
        desk.change(|app| app.notices.iter_mut().for_each(|notice| notice.seen = true));
    }
}

fn notice_ui(ui: &mut Ui, notice: &Notice, tokens: &Tokens) {
    ui.horizontal_top(|ui| {
        let (icon, color) = look(notice.kind, tokens);
        let (rect, _) = ui.allocate_exact_size(Vec2::new(18.0, 18.0), Sense::hover());
        icon_at(ui.painter(), rect.center(), icon, 14.0, color);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            wrapped(ui, notice.text.as_str(), font(size::BASE, Weight::Regular), tokens.text);
            say(
                ui,
                ago(notice.at.elapsed().as_secs()),
                font(size::TINY, Weight::Regular),
                tokens.text3,
            );
        });
    });
    ui.add_space(space::XS);
}

/// The icon and colour of a kind of notice.
pub(super) fn look(kind: NoticeKind, tokens: &Tokens) -> (lucide_icons::Icon, egui::Color32) {
    match kind {
        NoticeKind::Info => (icons::DONE, tokens.good),
        NoticeKind::Warning => (icons::WARNING, tokens.warning),
        NoticeKind::Error => (icons::ERROR, tokens.error),
    }
}

/// `just now`, `3 min ago`, `2 h ago`.
pub(crate) fn ago(secs: u64) -> String {
    match secs {
        0..45 => "just now".into(),
        45..5400 => format!("{} min ago", (secs + 30) / 60),
        _ => format!("{} h ago", (secs + 1800) / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_the_way_people_say_them() {
        assert_eq!(
            [time_left(9.2), time_left(150.0), time_left(7000.0)],
            ["9 s", "2 min", "2 h"].map(String::from)
        );
        assert_eq!(
            [ago(3), ago(50), ago(600), ago(7300)],
            ["just now", "1 min ago", "10 min ago", "2 h ago"].map(String::from)
        );
        assert_eq!([millis(0.0123), millis(1.44)], ["12 ms", "1.4 s"].map(String::from));
    }
}
