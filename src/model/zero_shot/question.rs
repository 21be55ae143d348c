//! What is asked about texts: labels, in the words of one or several templates.

use super::ZeroShotError;

/// A label as it is asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelText {
    /// Its name.
    pub name: String,
    /// Words that say better than the name what it means; they go into the template in its place.
    pub description: Option<String>,
    /// The names of the labels above it, from the top down; empty where it stands in no tree, or at its top.
    pub above: Vec<String>,
    /// Texts that have the label, for engines that can make use of them.
    pub examples: Vec<String>,
}

impl LabelText {
    /// A label of which only the name is known.
    pub fn named(name: impl Into<String>) -> LabelText {
        LabelText {
            name: name.into(),
            ..LabelText::default()
        }
    }

    /// What goes into a template: the description where there is one, else the name, without white space around it.
    pub fn words(&self) -> &str {
        let described = self.description.as_deref().map(str::trim).unwrap_or_default();
        if described.is_empty() {
            self.name.trim()
        } else {
            described
        }
    }

    /// What it is with what stands above it, as words: "Home, Kitchen, Knives".
    pub fn path_words(&self) -> String {
        let above = self.above.iter().map(|name| name.trim());
        above.chain([self.words()]).collect::<Vec<_>>().join(", ")
    }

    /// A template with [`LabelText::words`] in place of `{}` and [`LabelText::path_words`] in place of `{path}`, each as `written` writes
    /// it.
    pub fn in_words(&self, template: &str, written: impl Fn(&str) -> String) -> String {
        let (mut sentence, mut rest) = (String::new(), template);
        while let Some(at) = rest.find('{') {
            let (before, place) = rest.split_at(at);
            sentence.push_str(before);
            rest = if let Some(after) = place.strip_prefix(NAME) {
                sentence.push_str(&written(self.words()));
                after
            } else if let Some(after) = place.strip_prefix(PATH) {
                sentence.push_str(&written(&self.path_words()));
                after
            } else {
                sentence.push('{');
                &place[1..]
            };
        }
        sentence + rest
    }
}

/// Where the label's words go in a template.
pub const NAME: &str = "{}";

/// Where its words go with the names above it.
pub const PATH: &str = "{path}";

/// Labels and how to ask about them, checked: there is at least one label and one template, every label has words and every template
/// one place for them: `{}`, or `{path}` for the words with the names above them, or one of each.
///
/// Labels that are asked about in the same words, with the same examples, are asked about once, and each gets that one answer. With one answer
/// per text, the scores of a row then sum to 1 over the labels as they were asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    labels: Vec<LabelText>,
    templates: Vec<String>,
    multi: bool,
    /// For each label its place among those that are asked about.
    asked_at: Vec<usize>,
    /// For each label that is asked about, its place among all.
    asked: Vec<usize>,
}

impl Question {
    /// A question about `labels`, once in the words of each of `templates`. `multi`: a text may have several labels or none.
    ///
    /// # Errors
    /// [`ZeroShotError::NoLabels`], [`ZeroShotError::NoTemplates`], [`ZeroShotError::Template`], [`ZeroShotError::EmptyLabel`].
    pub fn new(
        labels: Vec<LabelText>,
        templates: impl IntoIterator<Item = impl Into<String>>,
        multi: bool,
    ) -> Result<Question, ZeroShotError> {
        let templates: Vec<String> = templates.into_iter().map(Into::into).collect();
        if templates.is_empty() {
            return Err(ZeroShotError::NoTemplates);
        }
        templates.iter().try_for_each(|template| check_template(template))?;
        let words: Vec<&str> = labels.iter().map(LabelText::words).collect();
        check_labels(&words)?;
        let sees_paths = templates.iter().any(|template| template.contains(PATH));
        let (mut asked, mut asked_at) = (Vec::new(), Vec::with_capacity(labels.len()));
        for (at, label) in labels.iter().enumerate() {
            let same = |&other: &usize| {
                let other_label = &labels[other];
                words[other] == words[at]
                    && other_label.examples == label.examples
                    && (!sees_paths || other_label.above == label.above)
            };
            asked_at.push(asked.iter().position(same).unwrap_or_else(|| {
                asked.push(at);
                asked.len() - 1
            }));
        }
        Ok(Question {
            templates,
            multi,
            asked_at,
            asked,
            labels,
        })
    }

    /// [`Question::new`] about labels of which only names are known.
    ///
    /// # Errors
    /// Those of [`Question::new`].
    pub fn about<S: AsRef<str>>(
        names: &[S],
        templates: impl IntoIterator<Item = impl Into<String>>,
        multi: bool,
    ) -> Result<Question, ZeroShotError> {
        let labels = names.iter().map(|name| LabelText::named(name.as_ref())).collect();
        Question::new(labels, templates, multi)
    }

    /// All labels, in the order of the answer's columns; the same words may be there twice.
    pub fn labels(&self) -> &[LabelText] {
        &self.labels
    }

    /// The labels an engine asks about, no words twice.
    pub fn asked(&self) -> impl ExactSizeIterator<Item = &LabelText> {
        self.asked.iter().map(|&at| &self.labels[at])
    }

    /// The place of a label among [`Question::asked`].
    pub fn asked_at(&self, label: usize) -> Option<usize> {
        self.asked_at.get(label).copied()
    }

    /// The wordings.
    pub fn templates(&self) -> &[String] {
        &self.templates
    }

    /// Whether a text may have several labels or none.
    pub fn multi(&self) -> bool {
        self.multi
    }

    /// Whether each label is scored by itself: a text may have several, or there is only one to ask about, whose share of all would be 1
    /// whatever the text says.
    pub fn each_by_itself(&self) -> bool {
        self.multi || self.asked.len() == 1
    }

    /// What is asked in the words of `template`: one sentence for each of [`Question::asked`].
    pub fn sentences(&self, template: &str) -> Vec<String> {
        self.asked()
            .map(|label| label.in_words(template, str::to_owned))
            .collect()
    }

    /// A row over [`Question::asked`] as one over all labels.
    pub fn spread(&self, asked: &[f32]) -> Vec<f32> {
        let of = |at: &usize| asked.get(*at).copied().unwrap_or_default();
        self.asked_at.iter().map(of).collect()
    }
}

fn check_template(template: &str) -> Result<(), ZeroShotError> {
    match (template.matches(NAME).count(), template.matches(PATH).count()) {
        (1, 0 | 1) | (0, 1) => Ok(()),
        _ => Err(ZeroShotError::Template(template.into())),
    }
}

fn check_labels<S: AsRef<str>>(labels: &[S]) -> Result<(), ZeroShotError> {
    if labels.is_empty() {
        return Err(ZeroShotError::NoLabels);
    }
    match labels.iter().position(|label| label.as_ref().trim().is_empty()) {
        Some(at) => Err(ZeroShotError::EmptyLabel(at + 1)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::DEFAULT_TEMPLATE;
    use super::*;

    #[test]
    fn templates_and_labels_are_checked() {
        let sentences = |labels: &[&str], template: &str| {
            Question::about(labels, [template], false).map(|question| question.sentences(template))
        };
        assert_eq!(
            sentences(&["sport", " Home & Garden "], "On {}!").unwrap(),
            ["On sport!", "On Home & Garden!"]
        );
        for template in ["no place", "{} and {}", "{path} and {path}", "{ }", ""] {
            assert!(matches!(
                Question::about(&["a"], ["{}", template], false),
                Err(ZeroShotError::Template(named)) if named == template
            ));
        }
        let about = |labels: &[&str]| Question::about(labels, [DEFAULT_TEMPLATE], false).unwrap_err();
        assert!(matches!(about(&[]), ZeroShotError::NoLabels));
        assert!(matches!(about(&["a", " "]), ZeroShotError::EmptyLabel(2)));
        assert!(matches!(
            Question::about(&["a"], [""; 0], false),
            Err(ZeroShotError::NoTemplates)
        ));
        // A label may itself contain the placeholder.
        assert_eq!(sentences(&["{}"], "On {}.").unwrap(), ["On {}."]);
    }

    #[test]
    fn the_same_words_are_asked_about_once() {
        let described = LabelText {
            description: Some(" money matters ".into()),
            ..LabelText::named("billing")
        };
        let with_example = LabelText {
            examples: vec!["Goal!".into()],
            ..LabelText::named("sport")
        };
        let labels = vec![
            LabelText::named("sport"),
            described,
            LabelText::named(" sport "),
            with_example,
        ];
        let question = Question::new(labels, ["{}?"], false).unwrap();
        assert_eq!(question.sentences("{}?"), ["sport?", "money matters?", "sport?"]);
        assert_eq!(question.spread(&[0.1, 0.2, 0.3]), [0.1, 0.2, 0.1, 0.3]);
        assert_eq!((question.labels().len(), question.asked().len()), (4, 3));
        assert!(!question.each_by_itself());
        assert!(Question::about(&["a", "a"], ["{}"], false).unwrap().each_by_itself());
    }

    #[test]
    fn templates_see_the_path_of_a_label() {
        let knives = |above: &[&str]| LabelText {
            above: above.iter().map(|name| (*name).to_owned()).collect(),
            ..LabelText::named("Knives")
        };
        let labels = vec![knives(&["Home", "Kitchen"]), knives(&["Garden"]), knives(&[])];
        let by_name = Question::new(labels.clone(), ["On {}."], false).unwrap();
        assert_eq!(by_name.sentences("On {}."), ["On Knives."]);
        let by_path = Question::new(labels, ["On {path}."], false).unwrap();
        assert_eq!(
            by_path.sentences("On {path}."),
            ["On Home, Kitchen, Knives.", "On Garden, Knives.", "On Knives."]
        );
        assert_eq!(
            knives(&["Home"]).in_words("{x} {}: {path} {", str::to_uppercase),
            "{x} KNIVES: HOME, KNIVES {"
        );
        // What a label is called is no place.
        assert_eq!(LabelText::named("{path}").in_words("{}!", str::to_owned), "{path}!");
    }
}
