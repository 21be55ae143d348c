//! The keys of the preview.

use egui::Context;

use crate::ui::{
    desk::Desk,
    keymap::{self, KeyHint, hint},
};

pub(super) const KEYS: &[KeyHint] = &[
    hint("L", "try another label"),
    hint("T", "add a template"),
    hint("C", "compare wordings"),
    hint("M", "one label or several"),
    hint("D", "descriptions in place of names"),
    hint("E", "next engine"),
    hint("[  ]", "what the label before or after is taken to mean"),
    hint("O", "order of the texts"),
    hint("X", "stop scoring"),
    hint("U", "use as suggestions"),
];

pub(super) fn on_keys(ctx: &Context, desk: &mut Desk) {
    let Some(project) = desk.project() else { return };
    if !keymap::letters_are_free(ctx) || project.state.n_texts() == 0 {
        return;
    }
    for c in keymap::typed(ctx) {
        let memory = &mut desk.memory.preview;
        match c {
            'l' => memory.focus_adding = true,
            't' => memory.add_template(),
            'c' => memory.compare(desk.app),
            'm' => memory.multi = Some(!memory.is_multi(project)),
            'd' if memory.labels.is_none() => memory.descriptions ^= true,
            'e' => {
                memory.engines.listed = Some(memory.engines.listed(project.state.n_texts()).next());
            }
            '[' | ']' => {
                let n = memory.tried(project).len();
                memory.opened = match (memory.opened, c) {
                    (None, '[') => n.checked_sub(1),
                    (None, _) => (n > 0).then_some(0),
                    (Some(at), '[') => at.checked_sub(1),
                    (Some(at), _) => (at + 1 < n).then_some(at + 1),
                };
            }
            'o' => memory.sort = memory.sort.next(),
            'x' => desk.change_project(|project, _| project.previewing.stop()),
            'u' if project.previewing.scores.is_some() => super::results::use_as_suggestions(desk),
            _ => {}
        }
    }
}
