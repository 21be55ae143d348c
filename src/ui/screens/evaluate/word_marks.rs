//! Texts with the words that moved a score: tinted where they speak for the label, tinted otherwise and underlined where they speak against it.

use std::sync::Arc;

use egui::{Color32, Galley, Stroke, Ui, text::LayoutJob, text::TextFormat, text::TextWrapping};

use crate::core::Text;
use crate::core::text::PAIR_SEPARATOR;
use crate::model::{Explanation, WordEffect};
use crate::ui::theme::{self, Weight, color_at, font, size};

/// Words are marked from this share of the strongest one's effect on.
const LEAST_SHARE: f32 = 0.35;
/// Smaller changes of a score are no reason to mark anything.
const LEAST_EFFECT: f32 = 0.01;
/// Bytes of a line; more than fits on any screen.
const LINE: usize = 500;
/// Bytes of a text that are laid out; all of it can be copied.
const WHOLE: usize = 40_000;
/// Words that are said with their figures.
const N_SAID: usize = 3;

/// The words to mark.
#[derive(Debug, Clone, Default)]
pub(super) struct Marks<'a> {
    words: Vec<&'a WordEffect>,
    strongest: f32,
}

impl<'a> Marks<'a> {
    /// Those of an explanation that moved the score enough; none where it is not known yet.
    pub fn of(explanation: Option<&'a Explanation>) -> Self {
        let Some(explanation) = explanation else {
            return Marks::default();
        };
        let strongest = explanation.strongest();
        let least = (strongest * LEAST_SHARE).max(LEAST_EFFECT);
        let words = explanation.words.iter().filter(|word| word.effect.abs() >= least);
        Marks {
            words: words.collect(),
            strongest,
        }
    }

    /// The strongest words with their figures, by what they speak for: "For Sci/Tech: software +0.21 · For Business: rival −0.05".
    pub fn said(&self, text: &Text, for_it: &str, against: &str) -> String {
        let side = |name: &str, wanted: fn(f32) -> bool| {
            let mut words: Vec<&WordEffect> = self.words.iter().copied().filter(|word| wanted(word.effect)).collect();
            words.sort_by(|a, b| b.effect.abs().total_cmp(&a.effect.abs()));
            let words: Vec<String> = words
                .into_iter()
                .take(N_SAID)
                .filter_map(|word| Some(format!("{} {}", written(text, word)?, signed(word.effect))))
                .collect();
            (!words.is_empty()).then(|| format!("{name}: {}", words.join(", ")))
        };
        let sides = [
            side(for_it, |effect| effect > 0.0),
            side(against, |effect| effect < 0.0),
        ];
        sides.into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    /// What a screen reader says after the text.
    pub fn named(&self, text: &Text) -> String {
        match self.said(text, "words for it", "against it") {
            said if said.is_empty() => said,
            said => format!(", {said}"),
        }
    }

    fn of_part(&self, part: usize) -> impl Iterator<Item = &'a WordEffect> {
        self.words.iter().copied().filter(move |word| word.part == part)
    }
}

/// `+0.21`, `−0.05`.
pub(super) fn signed(effect: f32) -> String {
    let sign = if effect < 0.0 { '−' } else { '+' };
    format!("{sign}{:.2}", effect.abs())
}

fn written<'a>(text: &'a Text, word: &WordEffect) -> Option<&'a str> {
    text.parts().nth(word.part)?.get(word.start..word.end)
}

/// A text on one line of at most `width` points; of a pair both parts, the first cut to about half the room where they are too long together.
pub(super) fn line(ui: &Ui, text: &Text, marks: &Marks, width: f32) -> Arc<Galley> {
    let mut laid = Laid::new(ui, marks);
    laid.one_line = true;
    match &text.second {
        None => laid.part(0, &text.body, LINE),
        Some(second) => {
            // A character is about half as wide as its line is high.
            let n_chars = (width.max(0.0) * 2.0 / size::BASE) as usize;
            let n_second = second.chars().take(n_chars).count() + PAIR_SEPARATOR.chars().count();
            let n_first = n_chars.saturating_sub(n_second).max(n_chars / 2);
            let end = text
                .body
                .char_indices()
                .nth(n_first)
                .map_or(text.body.len(), |(at, _)| at);
            laid.part(0, &text.body, end);
            laid.plain(PAIR_SEPARATOR);
            laid.part(1, second, LINE);
        }
    }
    laid.job.wrap = TextWrapping::truncate_at_width(width.max(0.0));
    ui.painter().layout_job(laid.job)
}

/// All of a text, wrapped at `width` points; both parts of a pair, one below the other.
pub(super) fn whole(ui: &Ui, text: &Text, marks: &Marks, width: f32) -> Arc<Galley> {
    let mut laid = Laid::new(ui, marks);
    for (at, part) in text.parts().enumerate() {
        if at > 0 {
            laid.plain("\n\n");
        }
        laid.part(at, part, WHOLE);
    }
    laid.job.wrap = TextWrapping::wrap_at_width(width.max(1.0));
    ui.painter().layout_job(laid.job)
}

/// A text while it is put together.
struct Laid<'a> {
    job: LayoutJob,
    marks: &'a Marks<'a>,
    format: TextFormat,
    towards: Color32,
    away: Color32,
    panel: Color32,
    one_line: bool,
}

impl<'a> Laid<'a> {
    fn new(ui: &Ui, marks: &'a Marks<'a>) -> Self {
        let tokens = theme::of(ui);
        let mut format = TextFormat::simple(font(size::BASE, Weight::Regular), tokens.text);
        format.line_height = Some(19.0);
        Laid {
            job: LayoutJob::default(),
            marks,
            format,
            towards: tokens.wrong,
            away: color_at(0),
            panel: tokens.panel,
            one_line: false,
        }
    }

    fn plain(&mut self, text: &str) {
        self.push(text, self.format.clone());
    }

    /// A part up to about `most` bytes, its words marked.
    fn part(&mut self, part: usize, text: &str, most: usize) {
        let cut = text.char_indices().map(|(at, _)| at).find(|at| *at >= most);
        let shown = text.get(..cut.unwrap_or(text.len())).unwrap_or(text);
        let mut from = 0;
        let marks = self.marks;
        for word in marks.of_part(part).filter(|word| word.end <= shown.len()) {
            let (Some(before), Some(marked)) = (shown.get(from..word.start), shown.get(word.start..word.end)) else {
                continue;
            };
            self.plain(before);
            self.push(marked, self.marked(word.effect));
            from = word.end;
        }
        self.plain(shown.get(from..).unwrap_or_default());
        if cut.is_some() {
            self.plain("…");
        }
    }

    fn marked(&self, effect: f32) -> TextFormat {
        let share = (effect.abs() / self.marks.strongest).clamp(0.0, 1.0);
        let color = if effect > 0.0 { self.towards } else { self.away };
        let underline = match effect > 0.0 {
            true => Stroke::NONE,
            false => Stroke::new(1.5, color),
        };
        TextFormat {
            background: theme::mix(self.panel, color, 0.12 + 0.33 * share),
            underline,
            ..self.format.clone()
        }
    }

    fn push(&mut self, text: &str, format: TextFormat) {
        if text.is_empty() {
            return;
        }
        match self.one_line {
            true => {
                let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
                self.job.append(&line, 0.0, format);
            }
            false => self.job.append(text, 0.0, format),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::TextId;

    fn text(body: &str) -> Text {
        Text {
            id: TextId(1),
            external_id: None,
            body: body.into(),
            second: None,
            split: None,
            source: "".into(),
            import: None,
            note: String::new(),
            flagged: false,
            deleted: false,
            annotation: None,
        }
    }

    #[test]
    fn the_words_that_matter_are_said_with_their_figures_and_weak_ones_are_not() {
        let text = text("software rival of the bid");
        let word = |start, end, effect| WordEffect {
            part: 0,
            start,
            end,
            effect,
        };
        let explanation = Explanation {
            score: 0.9,
            words: vec![
                word(0, 8, 0.21),
                word(9, 14, -0.08),
                word(15, 17, 0.02),
                word(18, 21, 0.03),
                word(22, 25, 0.1),
            ],
            n_words: 5,
        };
        let marks = Marks::of(Some(&explanation));
        assert_eq!(
            marks.said(&text, "For Sci/Tech", "For Business"),
            "For Sci/Tech: software +0.21, bid +0.10 · For Business: rival −0.08"
        );
        assert!(Marks::of(None).named(&text).is_empty());
        let faint = Explanation {
            words: vec![word(0, 8, 0.009)],
            ..explanation
        };
        assert!(Marks::of(Some(&faint)).named(&text).is_empty());
    }
}
