//! What the texts look like as a whole: the selected one in full, labels, splits, lengths.

use std::collections::HashMap;

use egui::{Key, Rect, ScrollArea, Ui, UiBuilder};

use crate::app::Project;
use crate::core::{LabelId, Split, TextId, text_edits};
use crate::ui::{
    desk::Desk,
    filter, icons,
    screens::annotate::label_counts,
    theme::{self, Weight, font, size},
    widgets::{BarRow, Card, Chip, SimpleHistogram, TextField, bar_row, say, simple_histogram, thousands, wrapped},
};

/// Counts that are made anew only when the project has changed.
#[derive(Default)]
pub(super) struct Cache {
    of: Option<(std::path::PathBuf, u64)>,
    labels: HashMap<LabelId, usize>,
    splits: [(usize, usize); 4],
    lengths: Vec<usize>,
    longest: usize,
    note: Option<(TextId, String)>,
}

const N_BINS: usize = 24;

fn refresh(cache: &mut Cache, project: &Project) {
    let now = (project.store.path().to_path_buf(), project.revision);
    if cache.of.as_ref() == Some(&now) {
        return;
    }
    cache.labels = label_counts(project);
    cache.splits = Default::default();
    let mut lengths: Vec<usize> = Vec::new();
    for text in project.state.texts() {
        let at = text.split.map_or(3, |split| {
            Split::ALL.iter().position(|other| *other == split).unwrap_or(3)
        });
        cache.splits[at].0 += 1;
        cache.splits[at].1 += usize::from(text.annotation.is_some());
        lengths.push(text.n_words());
    }
    lengths.sort_unstable();
    // The longest hundredth would squeeze the rest into one bar.
    cache.longest = lengths
        .get(lengths.len().saturating_sub(1) * 99 / 100)
        .copied()
        .unwrap_or(0)
        .max(N_BINS);
    cache.lengths = vec![0; N_BINS];
    for length in lengths {
        let bin = (length * N_BINS / (cache.longest + 1)).min(N_BINS - 1);
        cache.lengths[bin] += 1;
    }
    cache.of = Some(now);
}

pub(super) fn overview_ui(ui: &mut Ui, rect: Rect, desk: &mut Desk, project: &Project) {
    refresh(&mut desk.memory.data.overview, project);
    let mut child = ui.new_child(UiBuilder::new().id_salt("overview").max_rect(rect));
    child.shrink_clip_rect(rect);
    ScrollArea::vertical()
        .id_salt("overview scroll")
        .auto_shrink(false)
        .show(&mut child, |ui| {
            ui.spacing_mut().item_spacing.y = 16.0;
            let mut selected = desk.memory.data.selected.iter();
            if let (Some(id), None) = (selected.next().copied(), selected.next()) {
                text_ui(ui, desk, project, id);
            }
            labels_ui(ui, desk, project);
            splits_ui(ui, desk);
            lengths_ui(ui, desk);
        });
}

/// The one selected text in full, with its labels and its note.
fn text_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, id: TextId) {
    let Some(text) = project.state.text(id) else { return };
    let tokens = theme::of(ui);
    Card::titled("Text").aside(text.source.to_string()).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 8.0;
        ScrollArea::vertical().id_salt("text").max_height(170.0).show(ui, |ui| {
            for part in text.parts() {
                let part: String = part.chars().take(4_000).collect();
                wrapped(ui, part, font(14.0, Weight::Regular), tokens.text);
            }
        });
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = egui::vec2(5.0, 5.0);
            let labels = text.annotation.iter().flat_map(|annotation| &annotation.labels);
            for label in labels {
                let Some(look) = desk.looks.get(*label) else { continue };
                if ui.add(Chip::new(&look.path, look.color).small().closable()).clicked() {
                    let (who, now) = (&desk.app.settings.who, crate::app::now_millis());
                    desk.edit(text_edits::remove_label(
                        &project.state,
                        &[id],
                        *label,
                        who,
                        now,
                        crate::core::How::Hand,
                    ));
                }
            }
        });
        note_ui(ui, desk, project, id, &text.note);
    });
}

fn note_ui(ui: &mut Ui, desk: &mut Desk, project: &Project, id: TextId, saved: &str) {
    let cache = &mut desk.memory.data.overview;
    if cache.note.as_ref().is_none_or(|(other, _)| *other != id) {
        cache.note = Some((id, saved.to_owned()));
    }
    let Some((_, note)) = &mut cache.note else { return };
    let response = TextField::new("Note")
        .placeholder("Note")
        .icon(icons::NOTE)
        .small()
        .show(ui, note);
    if !response.has_focus() && !response.lost_focus() && note != saved {
        *note = saved.to_owned();
    }
    if response.lost_focus() && !ui.input(|input| input.key_pressed(Key::Escape)) && note.trim() != saved {
        let note = note.trim().to_owned();
        desk.edit(text_edits::set_note(&project.state, id, &note));
    }
}

fn labels_ui(ui: &mut Ui, desk: &mut Desk, project: &Project) {
    let tokens = theme::of(ui);
    let aside = format!("{} labelled", thousands(project.state.n_annotated()));
    Card::titled("Labels").aside(aside).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let counts = &desk.memory.data.overview.labels;
        let shown: Vec<_> = desk.looks.iter().filter(|(_, look)| look.depth == 0).take(24).collect();
        let count = |id| counts.get(&id).copied().unwrap_or(0);
        let most = shown.iter().map(|(id, _)| count(*id)).max().unwrap_or(0).max(1);
        let figure_width = (8.0 * thousands(most).len() as f32).max(28.0);
        let mut filter_by = None;
        for (id, look) in &shown {
            let row = BarRow {
                name: &look.name,
                name_width: 104.0,
                share: count(*id) as f32 / most as f32,
                color: look.color,
                figure: &thousands(count(*id)),
                figure_width,
                height: 24.0,
            };
            if bar_row(ui, &row).on_hover_text("Show these texts").clicked() {
                filter_by = Some(filter::label_filter(&look.path.replace(" › ", " > ")));
            }
        }
        if shown.is_empty() {
            say(ui, "No labels yet.", font(size::SMALL, Weight::Regular), tokens.text2);
        }
        let least = shown.iter().min_by_key(|(id, _)| count(*id));
        let largest = shown.iter().max_by_key(|(id, _)| count(*id));
        if let (Some((few, fewest)), Some((_, many))) = (least, largest) {
            let n = count(*few);
            if most >= 5 * n.max(1) {
                ui.add_space(8.0);
                let text = match n {
                    0 => format!("{} has no texts yet.", fewest.name),
                    n => format!("{} has {} times fewer texts than {}.", fewest.name, most / n, many.name),
                };
                wrapped(ui, text, font(size::SMALL, Weight::Regular), tokens.warning);
            }
        }
        if let Some(filter) = filter_by {
            desk.memory.data.query = filter;
        }
    });
}

fn splits_ui(ui: &mut Ui, desk: &mut Desk) {
    let tokens = theme::of(ui);
    Card::titled("Splits").aside("labelled of all").show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let splits = desk.memory.data.overview.splits;
        let most = splits.iter().map(|(all, _)| *all).max().unwrap_or(0).max(1) as f32;
        let names = [
            Split::Train.name(),
            Split::Validation.name(),
            Split::Test.name(),
            "none",
        ];
        for (name, (all, labelled)) in names.iter().zip(splits) {
            let row = BarRow {
                name,
                name_width: 72.0,
                share: all as f32 / most,
                color: tokens.accent,
                figure: &format!("{} of {}", thousands(labelled), thousands(all)),
                figure_width: 72.0,
                height: 24.0,
            };
            if bar_row(ui, &row).on_hover_text("Show these texts").clicked() {
                desk.memory.data.query = format!("split:{name}");
            }
        }
    });
}

fn lengths_ui(ui: &mut Ui, desk: &mut Desk) {
    Card::titled("Length").aside("words").show(ui, |ui| {
        let cache = &desk.memory.data.overview;
        let histogram = SimpleHistogram {
            name: "Words per text",
            counts: &cache.lengths,
            first: "0",
            middle: &thousands(cache.longest / 2),
            last: &thousands(cache.longest),
            height: 64.0,
        };
        simple_histogram(ui, &histogram);
    });
}
