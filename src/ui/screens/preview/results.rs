//! What comes back: each text with its scores, how many are scored, and how well they agree with the labels there are.

use egui::{Align, Layout, Rect, Ui, UiBuilder, pos2, vec2};

use super::asking::Asked;
use super::engine_choice::Listed;
use super::result_row::row_ui;
use super::shown::{Filter, Sort, shown};
use crate::app::{Command, Project};
use crate::jobs::{JobKind, ZeroShotScores};
use crate::ui::{
    desk::{Act, Desk},
    icons, screens,
    theme::{self, Weight, font, size},
    widgets::{
        Button, Card, Column, Dropdown, Table, Width, cut, galley_cut, in_rect, menu_item, paint_left, prob_short,
        progress_bar, seconds, thousands, wrapped,
    },
};

/// Labels shown for each text; the best ones where there are more.
pub(super) const N_BARS: usize = 6;

/// Points for one bar.
pub(super) const BAR_HEIGHT: f32 = 14.0;

/// Points for the headline and for the line below it.
const HEAD: f32 = 44.0;
const TOOLS: f32 = 36.0;

pub(super) fn results_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project, asked: &Asked) {
    let previewing = &project.previewing;
    let failed = previewing.failure.as_ref().filter(|_| asked.sent);
    let Some(scores) = previewing.scores.clone().filter(|_| failed.is_none()) else {
        let text = failed.cloned().unwrap_or_else(|| waiting_text(desk, project));
        Card::titled("Scores").show_in(ui, rect, |ui| {
            wrapped(ui, text, font(size::BASE, Weight::Regular), theme::of(ui).text2);
            let listed = desk.memory.preview.engines.listed;
            let no_model = matches!(listed, Some(Listed::Entailment | Listed::LanguageModel));
            if no_model && failed.is_some() && ui.add(Button::secondary("Get a model").small()).clicked() {
                desk.act(Act::Go(screens::models::ID));
            }
            progress_ui(ui, desk, project);
        });
        return;
    };
    let current = asked.sent && previewing.is_current(&scores);
    Card::new().flush().show_in(ui, rect, |ui| {
        let area = ui.available_rect_before_wrap();
        let line = |top: f32, height: f32| {
            Rect::from_min_max(
                pos2(area.left() + 15.0, area.top() + top),
                pos2(area.right() - 15.0, area.top() + top + height),
            )
        };
        head_ui(ui, line(0.0, HEAD), desk, project, &scores);
        tools_ui(ui, line(HEAD, TOOLS), desk, project, &scores, current);
        let below = Rect::from_min_max(pos2(area.left(), area.top() + HEAD + TOOLS), area.max);
        let stroke = egui::Stroke::new(1.0, theme::of(ui).line);
        ui.painter().hline(area.x_range(), below.top() - 0.5, stroke);
        in_rect(ui, "zero-shot rows", below, |ui| {
            rows_ui(ui, desk, project, asked, &scores, current);
        });
    });
}

fn waiting_text(desk: &Desk, project: &Project) -> String {
    let engines = &desk.memory.preview.engines;
    let chosen = engines.spec(&desk.app.settings.encoder).is_some();
    match engines.listed {
        Some(Listed::Endpoint) if !chosen => {
            return "Say where the endpoint is and what its model is called, and press Ask. Nothing is sent before."
                .to_owned();
        }
        Some(Listed::Endpoint) => return "Waiting for the first answers.".to_owned(),
        Some(_) if !chosen => return "Choose the model that is to read the texts.".to_owned(),
        Some(Listed::SetFit | Listed::Entailment | Listed::LanguageModel) => {
            return "Loading the model. Scores appear as they are computed.".to_owned();
        }
        _ => {}
    }
    match &project.suggestions_missing {
        Some(reason) if project.embedded.0 == 0 => reason.clone(),
        _ => "Reading the texts. Scores appear as they are computed.".to_owned(),
    }
}

fn head_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project, scores: &ZeroShotScores) {
    let tokens = theme::of(ui);
    let in_use = project.previewing.in_use();
    let used = in_use.is_some_and(|used| used.request.asks_the_same(&scores.request));
    let mut buttons = rect.left();
    let mut child = ui.new_child(
        UiBuilder::new()
            .id_salt("use")
            .max_rect(rect)
            .layout(Layout::right_to_left(Align::Center)),
    );
    let about = "Shows these scores beside the texts to be labelled and brings the least sure ones first. Nothing is labelled unless you accept it.";
    if used {
        let leave = Button::secondary("Use no longer").small();
        if child.add(leave).clicked() {
            desk.change_project(|project, _| project.leave_zero_shot());
        }
    } else if child
        .add(Button::secondary("Use as suggestions").small())
        .on_hover_text(about)
        .clicked()
    {
        use_as_suggestions(desk);
    }
    keep_ui(&mut child, desk, project);
    buttons = buttons.max(child.min_rect().left());
    let room = buttons - rect.left() - 12.0;
    let title = headline(project, scores, desk.memory.preview.chosen);
    let text = galley_cut(ui, &title, font(size::BASE, Weight::SemiBold), tokens.text, room);
    let response = ui.allocate_rect(
        Rect::from_min_size(rect.min, vec2(room.max(1.0), rect.height())),
        egui::Sense::hover(),
    );
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Heading, true, &title));
    paint_left(ui.painter(), rect.left_center(), text);
    if let Some(interval) = scores.interval() {
        let about = format!(
            "95 % interval {}–{}: how far the figure would move with other texts of the same kind. Texts for test are left out.",
            prob_short(Some(interval.low)),
            prob_short(Some(interval.high))
        );
        response.on_hover_text(about);
    }
}

/// Scores every labelled text and keeps that as a run.
fn keep_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    let request = desk.memory.preview.run_request(desk.app, project);
    let busy = desk.app.running(JobKind::Train).is_some();
    let about = match &request {
        Err(reason) => *reason,
        Ok(_) if busy => "Another run is under way.",
        Ok(_) => {
            "Scores every labelled text with this engine and keeps that as a run, which Evaluate shows like any other. The same request goes on \
             with the same run."
        }
    };
    let button = Button::secondary("Score all")
        .small()
        .name("Score all labelled texts and keep a run");
    let response = ui.add_enabled(request.is_ok() && !busy, button);
    if response.on_hover_text(about).on_disabled_hover_text(about).clicked()
        && let Ok(request) = request
    {
        desk.run(Command::ZeroShotRun(request));
    }
}

/// Offers the scores beside the texts to be labelled, and goes there.
pub(super) fn use_as_suggestions(desk: &mut Desk) {
    desk.change_project(|project, _| project.use_zero_shot());
    desk.act(Act::Go(screens::annotate::ID));
}

/// "1,940 of 2,400 scored · macro-F1 on 312 labelled .64 ± .05".
fn headline(project: &Project, scores: &ZeroShotScores, template: Option<usize>) -> String {
    let mut head = format!(
        "{} of {} scored",
        thousands(scores.n_scored()),
        thousands(project.state.n_texts())
    );
    let of_template = template.and_then(|at| scores.by_template.get(at));
    let figures = of_template.unwrap_or(&scores.overall);
    if figures.n_labelled > 0 {
        head += &format!(
            " · macro-F1 on {} labelled {}",
            thousands(figures.n_labelled),
            prob_short(figures.macro_f1)
        );
        // The interval is that of the mean; with one template that is all there is.
        let of_these = *figures == scores.overall;
        if let Some(interval) = scores.interval().filter(|_| of_these) {
            head += &format!(" ± {}", prob_short(Some((interval.high - interval.low) / 2.0)));
        }
    }
    head
}

fn tools_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project, scores: &ZeroShotScores, current: bool) {
    let tokens = theme::of(ui);
    let mut left = ui.new_child(
        UiBuilder::new()
            .id_salt("order and filter")
            .max_rect(rect)
            .layout(Layout::left_to_right(Align::Min)),
    );
    left.spacing_mut().item_spacing.x = 6.0;
    let memory = &mut desk.memory.preview;
    let titles = Sort::ALL.map(Sort::title);
    if let Some(at) = Dropdown::new("Order", memory.sort.title())
        .small()
        .choose(&mut left, &titles)
    {
        memory.sort = Sort::ALL[at];
    }
    let filter = match memory.filter {
        Filter::All => "All texts".to_owned(),
        Filter::Differs => "Other than labelled".to_owned(),
        Filter::Label(at) => format!("As {}", scores.name(at)),
    };
    let filter_button = Dropdown::new("Texts", &filter).small();
    filter_button.show(&mut left, |ui| {
        if menu_item(ui, "All texts", memory.filter == Filter::All).clicked() {
            memory.filter = Filter::All;
        }
        if scores.overall.n_labelled > 0
            && menu_item(ui, "Other than labelled", memory.filter == Filter::Differs).clicked()
        {
            memory.filter = Filter::Differs;
        }
        for (at, label) in scores.request.question.labels().iter().enumerate() {
            let on = memory.filter == Filter::Label(at);
            if menu_item(ui, &format!("As {}", label.name), on).clicked() {
                memory.filter = Filter::Label(at);
            }
        }
    });
    let start = left.min_rect().right() + 12.0;
    let rest = Rect::from_min_max(pos2(start, rect.top()), pos2(rect.right(), rect.top() + 26.0));
    let mut right = ui.new_child(
        UiBuilder::new()
            .id_salt("progress")
            .max_rect(rest)
            .layout(Layout::right_to_left(Align::Center)),
    );
    right.shrink_clip_rect(rest);
    if project.previewing.progress.is_some() {
        progress_ui(&mut right, desk, project);
        return;
    }
    let slow = !scores.request.engine.is_instant();
    let rest = scores.n_scored() < project.state.n_texts();
    if slow && current && rest && right.add(Button::secondary("Go on").small()).clicked() {
        desk.memory.preview.ask_again();
    }
    let remark = match current {
        true => scores.source.to_string(),
        false => "greyed: an earlier wording".to_owned(),
    };
    cut(&mut right, remark, font(size::SMALL, Weight::Regular), tokens.text3);
}

/// How far a slow engine is, how fast, how long it still takes, and a way to stop it.
fn progress_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    let Some(progress) = project.previewing.progress else {
        return;
    };
    let tokens = theme::of(ui);
    let stop = Button::secondary("Stop").icon(icons::STOP).small().name("Stop scoring");
    if ui.add(stop).clicked() {
        desk.change_project(|project, _| project.previewing.stop());
    }
    let text = match (progress.texts_per_sec, progress.secs_left()) {
        (Some(rate), Some(left)) => format!("{} texts/s · {} left", rate_figure(rate), seconds(left)),
        _ => "loading the model".to_owned(),
    };
    let share = progress.n_scored as f32 / progress.n_texts.max(1) as f32;
    progress_bar(ui, "Texts scored", share, 90.0, 6.0);
    cut(ui, text, font(size::SMALL, Weight::Regular), tokens.text2);
}

fn rate_figure(rate: f64) -> String {
    match rate {
        rate if rate < 10.0 => format!("{rate:.1}"),
        rate => thousands(rate.round() as usize),
    }
}

fn rows_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, asked: &Asked, scores: &ZeroShotScores, current: bool) {
    let memory = &mut desk.memory.preview;
    let how = (memory.sort, memory.filter, memory.chosen);
    let ids = shown(&mut memory.shown, project, how);
    if ids.is_empty() {
        egui::Frame::new().inner_margin(15).show(ui, |ui| {
            let text = "No text is scored like this.";
            wrapped(ui, text, font(size::BASE, Weight::Regular), theme::of(ui).text2);
        });
        return;
    }
    let columns = [Column::left("", Width::Rest(1.0, 200.0))];
    let mut table = Table::new("zero-shot", &columns, ids.len());
    let n_bars = asked.ask.labels.len().max(scores.request.ids.len()).min(N_BARS);
    table.row_height = (n_bars as f32 * BAR_HEIGHT + 20.0).max(56.0);
    let mut in_view = Vec::new();
    let template = desk.memory.preview.chosen;
    table.show(ui, |ui, row| {
        let Some(text) = ids.get(row.index).and_then(|id| project.state.text(*id)) else {
            return;
        };
        let newest = scores.scores(template, text.id).map(|values| (scores, values, current));
        let earlier = project.previewing.earlier.as_deref();
        let earlier = || earlier.and_then(|scores| Some((scores, scores.scores(None, text.id)?, false)));
        if newest.is_none() {
            in_view.push(text.id);
        }
        if row_ui(ui, row, desk, text, newest.or_else(earlier)) {
            let id = text.id;
            desk.change_project(move |project, _| project.annotating.show(&project.state, Some(id)));
            desk.act(Act::Go(screens::annotate::ID));
        }
    });
    if project.previewing.progress.is_some() && !in_view.is_empty() && desk.memory.preview.in_view != in_view {
        desk.memory.preview.in_view.clone_from(&in_view);
        desk.change_project(move |project, _| project.previewing.look(in_view));
    }
}
