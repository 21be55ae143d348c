//! Going down and up in the confusion of a tree: the way to the label whose children are on show, and where it can go on.

use egui::Ui;

use super::{cell::Cell, figures::Figures};
use crate::core::metrics::Place;
use crate::ui::{
    desk::Desk,
    theme::{self, Weight, font, size},
    widgets::{Button, say},
};

/// Shows the children of a label; those at the top for `None`. Labels without any stay where they are.
pub(super) fn descend(desk: &mut Desk, figures: &Figures, under: Option<usize>) {
    let Some(tree) = &figures.evaluation.tree else { return };
    if under.is_some_and(|label| tree.is_leaf(label)) {
        return;
    }
    let memory = &mut desk.memory.evaluate.table;
    memory.under = under.map(|label| (figures.evaluation.run, label));
    memory.zoom = None;
    memory.reveal = true;
}

/// Shows the children of the label above, and chooses the cell that was gone down from.
pub(super) fn go_up(desk: &mut Desk, figures: &Figures, under: Option<usize>) {
    let (Some(tree), Some(label)) = (&figures.evaluation.tree, under) else {
        return;
    };
    let above = tree.parent(label);
    descend(desk, figures, above);
    let place = Place::Child(label);
    desk.memory.evaluate.cells.choose(Cell::Placed {
        under: above,
        truth: place,
        decided: place,
    });
}

/// The label of the chosen cell that has others below it: of its row, else of its column.
pub(super) fn below_chosen(desk: &Desk, figures: &Figures) -> Option<usize> {
    let tree = figures.evaluation.tree.as_ref()?;
    let Some(Cell::Placed { truth, decided, .. }) = desk.memory.evaluate.cells.cell() else {
        return None;
    };
    let labels = [truth, decided].into_iter().filter_map(|place| match place {
        Place::Child(label) => Some(label),
        Place::Here | Place::Elsewhere => None,
    });
    labels.into_iter().find(|label| !tree.is_leaf(*label))
}

/// The way from the top to the label, each step a button that goes back to it.
pub(super) fn way_ui(ui: &mut Ui, desk: &mut Desk, figures: &Figures, under: Option<usize>) {
    let Some(tree) = &figures.evaluation.tree else { return };
    let face = font(size::SMALL, Weight::Regular);
    let way: Vec<usize> = under.map(|label| tree.path(label)).unwrap_or_default();
    let mut chosen = None;
    if ui.add(Button::quiet("Top").small().selected(way.is_empty())).clicked() {
        chosen = Some(None);
    }
    for (at, label) in way.iter().enumerate() {
        say(ui, "›", face.clone(), theme::of(ui).text3);
        let name = figures.look(desk, *label).name.to_owned();
        let button = Button::quiet(&name).small().selected(at + 1 == way.len());
        if ui.add(button).clicked() {
            chosen = Some(Some(*label));
        }
    }
    if let Some(under) = chosen {
        descend(desk, figures, under);
    }
}
