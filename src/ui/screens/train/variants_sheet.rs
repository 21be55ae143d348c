//! Sets a comparison up: the treatments of imbalance that a method has, or settings of one's own, side by side.

use egui::{Context, Ui};

use super::form::{self, SEED};
use super::plan::{Checked, FIELD, first_method, method_ui, number_row, plan_ui, rest_of_form, series_sheet};
use crate::app::{Command, CompareSpec};
use crate::core::{ScoreKind, Split};
use crate::train::{Method, Options, Variant, imbalance_variants, tree_variants};
use crate::ui::{
    desk::{Act, Desk},
    theme::{self, Weight, font, size},
    widgets::{Dropdown, checkbox, say, text_area, wrapped},
};

/// The sheet.
#[derive(Default)]
pub struct VariantsSheet {
    chosen: Option<Chosen>,
    checked: Checked<CompareSpec>,
}

/// What was chosen so far.
struct Chosen {
    method: &'static Method,
    /// The treatments of imbalance, and whether each is taken.
    treatments: Vec<(Written, bool)>,
    /// The ways of learning a tree, and whether each is taken; none where labels form none.
    ways: Vec<(Written, bool)>,
    /// Settings of one's own, one a line.
    own: String,
    n_seeds: f64,
    seed: f64,
    on: Option<ScoreKind>,
}

/// A variant: its name, and as the command takes it.
#[derive(Debug, Clone, PartialEq)]
struct Written {
    name: String,
    variant: String,
}

impl Chosen {
    fn new(desk: &mut Desk) -> Self {
        let method = first_method(desk);
        Chosen {
            method,
            treatments: treatments(method),
            ways: ways(desk, method),
            own: String::new(),
            n_seeds: 1.0,
            seed: desk.memory.train.seed.unwrap_or(SEED),
            on: None,
        }
    }

    fn spec(&self, desk: &Desk) -> CompareSpec {
        let mut base = form::spec(desk, self.method);
        base.seed = self.seed as u64;
        let taken = self.treatments.iter().chain(&self.ways).filter(|(_, taken)| *taken);
        let own = self.own.lines().map(str::trim).filter(|line| !line.is_empty());
        let variants = taken.map(|(written, _)| written.variant.clone());
        CompareSpec {
            base,
            variants: variants.chain(own.map(str::to_owned)).collect(),
            imbalance: false,
            tree: false,
            n_seeds: self.n_seeds as usize,
            on: self.on,
        }
    }
}

/// The treatments of a method; none where it has none. Each says what it has of every treatment, so that what the form says of them does
/// not mix in.
fn treatments(method: &'static Method) -> Vec<(Written, bool)> {
    let usual = Options::defaults(method);
    let variants = imbalance_variants(&usual).unwrap_or_default();
    written(&usual, &variants).map(|written| (written, true)).collect()
}

/// The ways of learning a tree, none of them taken at first.
fn ways(desk: &Desk, method: &'static Method) -> Vec<(Written, bool)> {
    let is_tree = desk
        .project()
        .is_some_and(|project| project.state.labels.is_hierarchical());
    let usual = Options::defaults(method);
    let variants = tree_variants(&usual).ok().filter(|_| is_tree).unwrap_or_default();
    let ways = variants.iter().map(|variant| Written {
        name: variant.name.clone(),
        variant: format!("{0}: tree={0}", variant.name),
    });
    ways.map(|written| (written, false)).collect()
}

fn written<'a>(usual: &'a Options, variants: &'a [Variant]) -> impl Iterator<Item = Written> + 'a {
    let differs = |id: &&str| variants.iter().any(|variant| variant.options.get(id) != usual.get(id));
    let treated: Vec<&str> = usual
        .method()
        .options
        .iter()
        .map(|spec| spec.id)
        .filter(differs)
        .collect();
    variants.iter().map(move |variant| {
        let setting = |id: &&str| Some(format!("{id}={}", variant.options.written(id)?));
        let settings: Vec<String> = treated.iter().filter_map(setting).collect();
        Written {
            name: variant.name.clone(),
            variant: format!("{}: {}", variant.name, settings.join(", ")),
        }
    })
}

impl VariantsSheet {
    /// Shows the sheet; true when it should close.
    pub fn show(&mut self, ctx: &Context, desk: &mut Desk) -> bool {
        if desk.project().is_none() {
            return true;
        }
        let chosen = self.chosen.get_or_insert_with(|| Chosen::new(desk));
        series_sheet(ctx, "Compare settings", |ui| {
            chosen_ui(ui, desk, chosen);
            ui.add_space(8.0);
            let spec = chosen.spec(desk);
            let plan = self.checked.of(desk, &spec, |spec| desk.app.plan_comparison(spec));
            let started = plan_ui(ui, plan, "Start the comparison");
            if started {
                desk.memory.train.run = None;
                desk.run(Command::Compare(spec));
                desk.act(Act::Go(super::ID));
            }
            started
        })
    }
}

fn chosen_ui(ui: &mut Ui, desk: &mut Desk, chosen: &mut Chosen) {
    let tokens = theme::of(ui);
    let small = || font(size::SMALL, Weight::Regular);
    let says = "Trains the same with different settings and puts the figures side by side. No model is kept: train the settings that do best.";
    wrapped(ui, says, small(), tokens.text2);
    ui.add_space(4.0);
    if let Some(method) = method_ui(ui, chosen.method) {
        chosen.method = method;
        chosen.treatments = treatments(method);
        chosen.ways = ways(desk, method);
    }
    ui.add_space(4.0);
    treatments_ui(ui, chosen);
    ways_ui(ui, chosen);
    ui.add_space(6.0);
    let own = "Settings of your own, one a line: name: option=value, option=value";
    say(ui, own, small(), tokens.text2);
    let example = chosen.method.options.iter().find(|spec| !spec.advanced);
    let example = example.map_or_else(String::new, |spec| {
        format!("for example {}={}", spec.id, spec.range.written(spec.default))
    });
    text_area(ui, "Settings of your own", &example, &mut chosen.own, 2);
    ui.add_space(4.0);
    on_ui(ui, desk, chosen);
    let help = "Each of them is trained with so many seeds; from two on there are mean and standard deviation.";
    number_row(ui, "Seeds", help, &mut chosen.n_seeds, 1.0..=100.0);
    let help = "The others count up from it.";
    number_row(ui, "First seed", help, &mut chosen.seed, 0.0..=f64::from(u32::MAX));
    ui.add_space(4.0);
    wrapped(ui, rest_of_form(desk, chosen.method, &[]), small(), tokens.text2);
}

fn treatments_ui(ui: &mut Ui, chosen: &mut Chosen) {
    let tokens = theme::of(ui);
    let title = "Treatments of labels of very different size";
    say(ui, title, font(size::SMALL, Weight::SemiBold), tokens.text2);
    for (written, taken) in &mut chosen.treatments {
        let name = match written.name.as_str() {
            "plain" => "plain, without any",
            name => name,
        };
        checkbox(ui, name, taken);
    }
    if chosen.treatments.is_empty() {
        let text = "This method has none.";
        say(ui, text, font(size::SMALL, Weight::Regular), tokens.text3);
    }
}

fn ways_ui(ui: &mut Ui, chosen: &mut Chosen) {
    if chosen.ways.is_empty() {
        return;
    }
    let tokens = theme::of(ui);
    ui.add_space(4.0);
    let title = "Ways of learning a tree of labels";
    say(ui, title, font(size::SMALL, Weight::SemiBold), tokens.text2);
    for (written, taken) in &mut chosen.ways {
        checkbox(ui, &written.name, taken);
    }
}

/// What to compare on: what there are texts for.
fn on_ui(ui: &mut Ui, desk: &Desk, chosen: &mut Chosen) {
    let Some(project) = desk.project() else { return };
    let has = |split| {
        let mut texts = project.state.texts();
        texts.any(|text| text.split == Some(split) && text.annotation.is_some())
    };
    let is_there = |kind: &ScoreKind| match kind {
        ScoreKind::Validation => has(Split::Validation),
        ScoreKind::Test => has(Split::Test),
        ScoreKind::OutOfFold => true,
    };
    let kinds: Vec<ScoreKind> = ScoreKind::ALL.into_iter().filter(is_there).collect();
    let shown = chosen.on.or(kinds.first().copied()).unwrap_or(ScoreKind::OutOfFold);
    let help =
        "Where the figures come from. out-of-fold: the training texts, each scored by a training that did not see it.";
    form::row(ui, "Compared on", help, false, |ui| {
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        let dropdown = Dropdown::new("Compared on", shown.name()).small().width(FIELD);
        if let Some(at) = dropdown.choose(ui, &names) {
            chosen.on = kinds.get(at).copied();
        }
    });
    if chosen.on == Some(ScoreKind::Test) {
        let tokens = theme::of(ui);
        let text = "Figures on the test split are for reporting: who chooses by them can no longer report them.";
        wrapped(ui, text, font(size::SMALL, Weight::Regular), tokens.warning);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{METHODS, parse_variant};

    #[test]
    fn written_treatments_are_the_variants_they_stand_for() {
        for method in METHODS {
            let usual = Options::defaults(method);
            let variants = imbalance_variants(&usual).unwrap_or_default();
            let read: Vec<_> = treatments(method)
                .iter()
                .map(|(written, _)| parse_variant(&usual, &written.variant).unwrap())
                .collect();
            assert_eq!(read, variants, "{}", method.id);
        }
    }

    #[test]
    fn what_the_form_says_of_a_treatment_does_not_mix_in() {
        let finetune = METHODS.iter().find(|method| method.id == "finetune").unwrap();
        let form = finetune.parse(&[("loss", "focal")]).unwrap();
        let plain = &treatments(finetune)[0].0.variant;
        assert_eq!(
            parse_variant(&form, plain).unwrap().options,
            Options::defaults(finetune)
        );
    }
}
