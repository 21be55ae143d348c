//! The words of prompts, and what answers to them mean.

use super::super::{LabelText, Question};
use super::answers::Answers;

/// Options that have letters; more are asked for by name.
pub(super) const MOST_LETTERS: usize = 26;

/// At most so many examples of a label are shown, each cut to so many characters.
const N_EXAMPLES: usize = 3;
const EXAMPLE_CHARS: usize = 200;

/// What stands before the text in every prompt of one question.
pub(super) struct Prompt {
    before: String,
    after: String,
    stern: String,
    /// What may be answered.
    pub answers: Answers,
}

impl Prompt {
    /// The prompts of a question in the words of `template`: one that lists all options, or one for each label that is scored by itself.
    pub fn all(question: &Question, template: &str) -> Vec<Prompt> {
        let sentences = question.sentences(template);
        let labels: Vec<_> = question.asked().zip(&sentences).collect();
        if question.each_by_itself() {
            let by_itself = |(label, sentence): (&LabelText, &String)| Prompt::yes_or_no(sentence, &examples(label));
            return labels.into_iter().map(by_itself).collect();
        }
        let names = labels
            .iter()
            .map(|(label, sentence)| vec![label.name.clone(), label.words().to_owned(), (*sentence).clone()])
            .collect();
        let options: Vec<String> = labels
            .iter()
            .map(|(label, sentence)| [sentence.as_str(), &examples(label)].concat())
            .collect();
        vec![if options.len() > MOST_LETTERS {
            Prompt::by_name(&options, names)
        } else {
            Prompt::lettered(&options, names)
        }]
    }

    fn lettered(options: &[String], names: Vec<Vec<String>>) -> Prompt {
        let codes: Vec<String> = ('A'..='Z').take(options.len()).map(String::from).collect();
        let listed: Vec<String> = codes
            .iter()
            .zip(options)
            .map(|(code, option)| format!("{code}. {option}"))
            .collect();
        let last = codes.last().map_or("A", String::as_str);
        Prompt {
            before: format!(
                "Which of these options fits the text best?\n\n{}\n\nText:\n",
                listed.join("\n")
            ),
            after: "\n\nAnswer with the letter of the option and nothing else.".to_owned(),
            stern: format!("\n\nYour answer must be exactly one letter from A to {last}: no words, no explanation."),
            answers: Answers::new(codes, names),
        }
    }

    fn by_name(options: &[String], names: Vec<Vec<String>>) -> Prompt {
        let listed: Vec<String> = options.iter().map(|option| format!("- {option}")).collect();
        Prompt {
            before: format!(
                "Which of these options fits the text best?\n\n{}\n\nText:\n",
                listed.join("\n")
            ),
            after: "\n\nAnswer with the option as it is written above and nothing else.".to_owned(),
            stern: "\n\nYour answer must be exactly one of the options, copied as it is written: no other words, no explanation."
                .to_owned(),
            answers: Answers::new(Vec::new(), names),
        }
    }

    fn yes_or_no(sentence: &str, examples: &str) -> Prompt {
        let codes: Vec<String> = ["yes", "no"].map(str::to_owned).into();
        Prompt {
            before: "Read the text and say whether a category applies to it.\n\nText:\n".to_owned(),
            after: format!(
                "\n\nCategory: {sentence}{examples}\n\nDoes this category apply to the text? Answer with yes or no and nothing else."
            ),
            stern: "\n\nYour answer must be exactly one word, yes or no: no explanation.".to_owned(),
            answers: Answers::new(codes.clone(), codes.into_iter().map(|code| vec![code]).collect()),
        }
    }

    /// The prompt with a text.
    pub fn with(&self, text: &str) -> String {
        [&self.before, text.trim(), &self.after].concat()
    }

    /// The same for a second time, after an answer that was none.
    pub fn sterner(&self, text: &str) -> String {
        [&self.with(text), self.stern.as_str()].concat()
    }
}

fn examples(label: &LabelText) -> String {
    let shown: Vec<String> = label
        .examples
        .iter()
        .take(N_EXAMPLES)
        .map(|example| {
            let words: Vec<&str> = example.split_whitespace().collect();
            let short: String = words.join(" ").chars().take(EXAMPLE_CHARS).collect();
            format!("\n   for example: {short}")
        })
        .collect();
    shown.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_keep_their_order_and_get_letters() {
        let question = Question::about(&["sport", "art"], ["about {}"], false).unwrap();
        let prompts = Prompt::all(&question, "about {}");
        assert_eq!(prompts.len(), 1);
        let written = prompts[0].with(" Goal! ");
        assert!(
            written.contains("A. about sport\nB. about art\n\nText:\nGoal!\n\n"),
            "{written}"
        );
        assert!(prompts[0].sterner("Goal!").contains("one letter from A to B"));
        assert_eq!(prompts[0].answers.named("art"), Some(1));
        assert_eq!(prompts[0].answers.named("About sport."), Some(0));
    }

    #[test]
    fn several_labels_are_asked_about_one_by_one() {
        let described = LabelText {
            description: Some("games and matches".into()),
            examples: vec!["Goal\nkick".into()],
            ..LabelText::named("sport")
        };
        let question = Question::new(vec![described, LabelText::named("art")], ["{}"], true).unwrap();
        let prompts = Prompt::all(&question, "{}");
        assert_eq!(prompts.len(), 2);
        let written = prompts[0].with("x");
        assert!(
            written.contains("Category: games and matches\n   for example: Goal kick\n"),
            "{written}"
        );
        assert_eq!(prompts[1].answers.named("No."), Some(1));
    }

    #[test]
    fn many_labels_are_asked_for_by_name() {
        let names: Vec<String> = (0..27).map(|at| format!("label {at}")).collect();
        let question = Question::about(&names, ["{}"], false).unwrap();
        let prompt = &Prompt::all(&question, "{}")[0];
        assert!(!prompt.answers.have_codes() && prompt.with("x").contains("\n- label 26\n"));
        assert_eq!(prompt.answers.named("Label_26"), Some(26));
        assert_eq!(prompt.answers.named("A"), None);
        let letters = Question::about(&names[..26], ["{}"], false).unwrap();
        assert!(Prompt::all(&letters, "{}")[0].with("x").contains("\nZ. label 25\n"));
    }
}
