//! Which texts are listed, and in which order.

use std::rc::Rc;
use std::sync::Arc;

use crate::app::Project;
use crate::core::metrics::highest;
use crate::core::queue::uncertainty;
use crate::core::{TaskKind, Text, TextId};
use crate::jobs::ZeroShotScores;

/// The order of the texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    InOrder,
    Surest,
    Unsure,
}

/// The texts that are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    All,
    /// Those that get this label, by column.
    Label(usize),
    /// Labelled ones whose label is another than the scores say.
    Differs,
}

/// A list, and what it was made from.
pub(super) struct Shown {
    of: (Option<usize>, u64, Sort, Filter, Option<usize>),
    pub ids: Rc<Vec<TextId>>,
}

impl Sort {
    pub(super) const ALL: [Sort; 3] = [Sort::InOrder, Sort::Surest, Sort::Unsure];

    pub(super) fn title(self) -> &'static str {
        match self {
            Sort::InOrder => "In order",
            Sort::Surest => "Surest first",
            Sort::Unsure => "Least sure first",
        }
    }

    pub(super) fn next(self) -> Sort {
        match self {
            Sort::InOrder => Sort::Surest,
            Sort::Surest => Sort::Unsure,
            Sort::Unsure => Sort::InOrder,
        }
    }
}

/// The list, made anew only where something it depends on has changed.
pub(super) fn shown(
    known: &mut Option<Shown>,
    project: &Project,
    (sort, filter, template): (Sort, Filter, Option<usize>),
) -> Rc<Vec<TextId>> {
    let scores = project.previewing.scores.as_ref();
    let at = scores.map(|scores| Arc::as_ptr(scores) as usize);
    let of = (at, project.revision, sort, filter, template);
    if let Some(known) = known.as_ref().filter(|known| known.of == of) {
        return known.ids.clone();
    }
    let ids = Rc::new(list(project, scores.map(Arc::as_ref), sort, filter, template));
    *known = Some(Shown { of, ids: ids.clone() });
    ids
}

fn list(
    project: &Project,
    scores: Option<&ZeroShotScores>,
    sort: Sort,
    filter: Filter,
    template: Option<usize>,
) -> Vec<TextId> {
    let row = |id: TextId| scores.and_then(|scores| scores.scores(template, id));
    let passes = |text: &&Text| match (filter, scores, row(text.id)) {
        (Filter::All, ..) => true,
        (Filter::Label(label), Some(scores), Some(row)) => scores.decided(row).contains(&label),
        (Filter::Differs, Some(scores), Some(row)) => {
            truth(scores, text).is_some_and(|truth| truth != scores.decided(row))
        }
        _ => false,
    };
    let mut ids: Vec<TextId> = project.state.texts().filter(passes).map(|text| text.id).collect();
    let multi = scores.is_some_and(|scores| scores.request.question.multi());
    let task = if multi {
        TaskKind::MultiLabel
    } else {
        TaskKind::SingleLabel
    };
    let key = |id: TextId| match sort {
        Sort::InOrder => None,
        Sort::Surest => row(id).and_then(highest).map(|(_, score)| score),
        Sort::Unsure => row(id).and_then(|row| uncertainty(task, row)),
    };
    if sort != Sort::InOrder {
        let mut keyed: Vec<(f32, TextId)> = ids.iter().map(|id| (key(*id).unwrap_or(-1.0), *id)).collect();
        keyed.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        ids = keyed.into_iter().map(|(_, id)| id).collect();
    }
    ids
}

/// The labels somebody gave a text, as ascending columns; `None` where nobody has, or where none of them is tried.
pub(super) fn truth(scores: &ZeroShotScores, text: &Text) -> Option<Vec<usize>> {
    let annotation = text.annotation.as_ref()?;
    let ids = &scores.request.ids;
    let columns: Vec<usize> = (0..ids.len())
        .filter(|at| ids[*at].is_some_and(|id| annotation.labels.contains(&id)))
        .collect();
    let columns = scores
        .tree()
        .map_or_else(|| columns.clone(), |tree| tree.closed(&columns));
    (scores.request.question.multi() || !columns.is_empty()).then_some(columns)
}
