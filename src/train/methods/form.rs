//! Where an option stands in a form: what it belongs to, and which other option it means nothing without.
//!
//! Not here: what an option is and does; that is its [`OptionSpec`](crate::train::OptionSpec).

use super::Method;

/// Groups in the order a form shows them, with ids, or beginnings of ids that end in `_`.
#[rustfmt::skip]
const GROUPS: &[(&str, &[&str])] = &[
    ("Loss", &["loss", "focal_", "label_smoothing", "margin", "temperature", "two_labels"]),
    ("Sampling", &["sampler", "sampling", "sampling_", "num_iterations", "template", "template_", "templates"]),
    (TREES, &["tree", "walk", "level_weight", "pair_target"]),
    ("Optimiser", &[
        "num_epochs", "max_steps", "learning_rate", "batch_size", "weight_decay", "warmup", "schedule", "accumulation", "max_grad_norm",
        "layer_decay",
    ]),
    ("Encoder", &["freeze_layers", "max_length", "pooling", "dropout"]),
    ("LoRA", &["lora_"]),
    ("Head", &[
        "c", "choose_c", "class_weight", "strategy", "head", "head_", "end_to_end", "body_learning_rate", "folds", "fold_",
    ]),
    ("Stopping", &["watch_", "patience", "keep_best", "checkpoint_"]),
    ("Unlabelled texts", &["pile", "pile_", "max_unlabelled"]),
    ("Teacher", &["teacher", "teacher_", "student", "student_", "distill_"]),
];

/// Options that do nothing where labels form no tree.
const TREES: &str = "Tree of labels";

/// Where options go that no group names.
pub const OTHER: &str = "More";

/// The groups a form may have, in their order.
pub fn groups() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().map(|(name, _)| *name).chain([OTHER])
}

/// Whether an option does nothing where labels form no tree.
pub fn is_for_trees(id: &str) -> bool {
    group(id) == TREES
}

/// The group of the option with this id: the one that names it, else the one that names the longest beginning of it.
pub fn group(id: &str) -> &'static str {
    let fits = |known: &str| id == known || (known.ends_with('_') && id.starts_with(known));
    let named = GROUPS
        .iter()
        .flat_map(|(name, ids)| ids.iter().map(move |known| (*name, *known)));
    let found = named
        .filter(|(_, known)| fits(known))
        .max_by_key(|(_, known)| known.len());
    found.map_or(OTHER, |(name, _)| name)
}

/// What the other option must be for an option to do anything.
enum Must {
    Be(&'static [&'static str]),
    NotBe(&'static str),
}

/// Options, or beginnings of ids that end in `_`, with the option they depend on. The first line that fits and whose other
/// option the method has counts.
#[rustfmt::skip]
const NEEDS: &[(&str, &str, Must)] = &[
    ("focal_", "loss", Must::Be(&["focal"])),
    ("margin", "loss", Must::Be(&["contrastive", "triplet"])),
    ("temperature", "loss", Must::Be(&["auto", "supervised-contrastive"])),
    ("template_", "templates", Must::NotBe("off")),
    ("lora_", "lora_rank", Must::NotBe("0")),
    ("body_learning_rate", "end_to_end", Must::Be(&["on"])),
    ("end_to_end", "head", Must::Be(&["differentiable"])),
    ("head_", "head", Must::Be(&["differentiable"])),
    ("c", "choose_c", Must::Be(&["off"])),
    ("level_weight", "tree", Must::Be(&["shared"])),
    ("pair_target", "loss", Must::Be(&["auto", "cosine"])),
    ("choose_c", "head", Must::Be(&["logistic"])),
    ("strategy", "head", Must::Be(&["logistic"])),
];

/// Why an option does nothing as the others stand: `only with Loss focal`. `value` gives the other options as they are written.
pub fn idle(method: &Method, id: &str, value: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let fits = |known: &str| id == known || (known.ends_with('_') && id.starts_with(known));
    let (other, must) = NEEDS
        .iter()
        .filter(|(known, other, _)| fits(known) && *other != id)
        .find_map(|(_, other, must)| {
            let spec = method.options.iter().find(|spec| spec.id == *other)?;
            Some((spec, must))
        })?;
    let now = value(other.id)?;
    match must {
        Must::Be(words) if !words.contains(&now.as_str()) => {
            Some(format!("only with {} {}", other.title, words.join(" or ")))
        }
        Must::NotBe(word) if now == *word => Some(format!("not while {} is {word}", other.title)),
        _ => None,
    }
}

/// Says so where two options both make rare labels count for more, so that these are favoured twice. `value` gives the options as they are
/// written.
pub fn counts_twice(method: &Method, value: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let is = |id: &str, words: &[&str]| value(id).is_some_and(|now| words.contains(&now.as_str()));
    if !is("class_weight", &["balanced"]) {
        return None;
    }
    let drawn_more = is("sampling", &["oversampling", "balanced"]);
    let alpha = is("loss", &["focal"]) && !is("focal_alpha", &["0"]);
    let other = match (drawn_more, alpha) {
        (true, _) => "sampling",
        (false, true) => "focal_alpha",
        (false, false) => return None,
    };
    let title = |id: &str| method.option(id).map_or("", |spec| spec.title);
    Some(format!(
        "{} and {} both make rare labels count for more: together they count twice, and the model gives them too often. Set one of the two.",
        title("class_weight"),
        title(other)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{METHODS, OptionSpec, Range, method};

    #[test]
    fn the_longest_name_that_fits_decides_the_group() {
        for (id, expected) in [
            ("loss", "Loss"),
            ("focal_gamma", "Loss"),
            ("head_learning_rate", "Head"),
            ("learning_rate", "Optimiser"),
            ("lora_alpha", "LoRA"),
            ("c", "Head"),
            ("checkpoint_every", "Stopping"),
            ("something_new", OTHER),
        ] {
            assert_eq!(group(id), expected, "{id}");
        }
        assert!(groups().all(|name| groups().filter(|other| *other == name).count() == 1));
    }

    #[test]
    fn every_option_of_today_has_a_group_of_its_own() {
        for spec in METHODS.iter().flat_map(|method| method.options) {
            assert_ne!(group(spec.id), OTHER, "{}: name it in GROUPS", spec.id);
        }
    }

    #[test]
    fn an_option_is_idle_until_the_other_is_as_it_must_be() {
        const fn option(id: &'static str, title: &'static str, range: Range) -> OptionSpec {
            OptionSpec {
                id,
                title,
                unit: "",
                range,
                default: 0.0,
                help: "Helps.",
                advanced: true,
            }
        }
        static OPTIONS: [OptionSpec; 4] = [
            option("loss", "Loss", Range::Choice(&["cross_entropy", "focal"])),
            option("focal_gamma", "Focal γ", Range::Real { min: 0.0, max: 5.0 }),
            option("lora_rank", "LoRA rank", Range::Whole { min: 0, max: 64 }),
            option("lora_alpha", "LoRA alpha", Range::Real { min: 0.0, max: 64.0 }),
        ];
        let method = Method {
            options: &OPTIONS,
            ..super::super::finetune::FINETUNE
        };
        let idle = |id: &str, loss: &str, rank: &str| {
            let value = |other: &str| Some(if other == "loss" { loss } else { rank }.to_owned());
            idle(&method, id, &value)
        };
        assert_eq!(
            idle("focal_gamma", "cross_entropy", "0").as_deref(),
            Some("only with Loss focal")
        );
        assert_eq!(idle("focal_gamma", "focal", "0"), None);
        assert_eq!(
            idle("lora_alpha", "focal", "0").as_deref(),
            Some("not while LoRA rank is 0")
        );
        assert_eq!(idle("lora_alpha", "focal", "8"), None);
        assert_eq!(idle("lora_rank", "focal", "0"), None, "it does not depend on itself");
        assert_eq!(
            idle("end_to_end", "focal", "0"),
            None,
            "this method has no head to choose"
        );
    }

    #[test]
    fn rare_labels_that_are_favoured_twice_are_noticed() {
        let finetune = method("finetune").unwrap();
        for (settings, other) in [
            (&[("class_weight", "balanced")][..], None),
            (
                &[("sampling", "balanced"), ("loss", "focal"), ("focal_alpha", "0.25")],
                None,
            ),
            (
                &[("class_weight", "balanced"), ("sampling", "oversampling")],
                Some("Sampling"),
            ),
            (&[("class_weight", "balanced"), ("loss", "focal")], None),
            (
                &[("class_weight", "balanced"), ("loss", "focal"), ("focal_alpha", "0.25")],
                Some("Focal α"),
            ),
            (&[("class_weight", "balanced"), ("focal_alpha", "0.25")], None),
        ] {
            let options = finetune.parse(settings).unwrap();
            let says = counts_twice(finetune, &|id| options.written(id));
            match other {
                None => assert_eq!(says, None, "{settings:?}"),
                Some(other) => assert!(says.unwrap().contains(other), "{settings:?}"),
            }
        }
        // Where pairs are drawn from rare labels as often as from frequent ones, the head knows nothing of it.
        let setfit = method("setfit").unwrap();
        let options = setfit
            .parse(&[("class_weight", "balanced"), ("sampler", "oversampling")])
            .unwrap();
        assert_eq!(counts_twice(setfit, &|id| options.written(id)), None);
    }
}
