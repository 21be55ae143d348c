//! Prompts as a model was taught to read them: the file's own template of a conversation, rendered as transformers does it, within bounds.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{Environment, ErrorKind, context};

/// Where a text goes while a prompt is made; no template has it.
const PLACE: &str = "\u{2}handful text\u{2}";

/// Steps a template may take: a thousand times what known ones need.
const FUEL: u64 = 2_000_000;

const MAX_TEMPLATE_BYTES: usize = 1 << 20;
const MAX_PROMPT_BYTES: usize = 8 << 20;

/// What comes before and after the words of the person in a conversation of one turn, the model's turn begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Before.
    pub before: String,
    /// After.
    pub after: String,
}

/// What templates begin a thought with that is then to be written, and what ends it.
const THOUGHT: (&str, &str) = ("<think>", "\n</think>\n\n");

/// The day that templates are told which cannot do without: the one that Llama's name where they can.
const DAY: &str = "26 Jul 2024";

/// Renders `template` around the words of one person. Thinking aloud is switched off where a template can do that, and ended where it begins, so
/// that the answer comes next. The date is not told, so that the same texts get the same scores tomorrow.
///
/// # Errors
/// Why the template cannot be used: the engine of the templates says so, or the words do not come out as they went in.
pub fn frame(template: &str, bos: &str, eos: &str) -> Result<Frame, String> {
    if template.len() > MAX_TEMPLATE_BYTES {
        return Err(format!("it has {} bytes", template.len()));
    }
    let first = render(template, bos, eos, None);
    // Most templates ask whether there is a date; some take it for granted.
    let rendered = first.or_else(|reason| render(template, bos, eos, Some(DAY)).map_err(|_| reason))?;
    if rendered.len() > MAX_PROMPT_BYTES {
        return Err(format!("it makes a prompt of {} bytes", rendered.len()));
    }
    match rendered.split(PLACE).collect::<Vec<_>>().as_slice() {
        [before, after] => {
            let begins_thought = after.trim_end().ends_with(THOUGHT.0);
            Ok(Frame {
                before: (*before).to_owned(),
                after: [*after, if begins_thought { THOUGHT.1 } else { "" }].concat(),
            })
        }
        parts => Err(format!(
            "the person's words appear {} times in what it makes",
            parts.len() - 1
        )),
    }
}

fn render(template: &str, bos: &str, eos: &str, day: Option<&'static str>) -> Result<String, String> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function("raise_exception", |reason: String| -> Result<Value, minijinja::Error> {
        Err(minijinja::Error::new(ErrorKind::InvalidOperation, reason))
    });
    if let Some(day) = day {
        environment.add_function("strftime_now", move |_format: String| day);
    }
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.map_err(|error| error.to_string())?);
    let values = context! {
        messages => vec![context! { role => "user", content => PLACE }],
        add_generation_prompt => true,
        bos_token => bos,
        eos_token => eos,
        tools => Value::from(()),
        documents => Value::from(()),
        enable_thinking => false,
    };
    environment
        .render_str(template, values)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHATML: &str = "{%- for message in messages %}\n    {{- '<|im_start|>' + message.role + '\\n' + message.content.strip() + '<|im_end|>\\n' }}\n{%- endfor %}\n\
         {%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n' }}\n    {%- if enable_thinking is defined and enable_thinking is false %}\n        {{- '<think>\\n\\n</think>\\n\\n' }}\n    {%- endif %}\n{%- endif %}";

    #[test]
    fn a_conversation_is_framed() {
        let frame = frame(CHATML, "<s>", "</s>").unwrap();
        assert_eq!(frame.before, "<|im_start|>user\n");
        assert_eq!(
            frame.after,
            "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
        );
    }

    #[test]
    fn what_templates_of_models_do_is_known() {
        let template = "{{ bos_token }}{% set ns = namespace(n=0) %}{% if not date is defined %}{% if strftime_now is defined %}{% set date = strftime_now('%Y') %}{% else %}{% set date = 'no date' %}{% endif %}{% endif %}\n\
             {%- if tools is not none %}tools{% endif %}{{ date }}\n\
             {%- for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles') }}{% endif %}\n\
             {%- set ns.n = ns.n + 1 %}{% if m.content is string and not m.content.startswith('<tool') %}[{{ ns.n }}]{{ m['content'] | trim }}{% endif %}{% endfor %}{{ {'a': 1} | tojson }}";
        let frame = frame(template, "<s>", "").unwrap();
        assert_eq!(
            (frame.before.as_str(), frame.after.as_str()),
            ("<s>no date[1]", "{\"a\": 1}")
        );
    }

    #[test]
    fn thoughts_are_ended_and_days_are_always_the_same() {
        let template = "{{ strftime_now('%Y') }}|{{ messages[0].content }}|<think>\n";
        let frame = frame(template, "", "").unwrap();
        assert_eq!(frame.before, "26 Jul 2024|");
        // The template's own last line end does not count.
        assert_eq!(frame.after, "|<think>\n</think>\n\n");
    }

    #[test]
    fn templates_that_cannot_be_used_say_why() {
        let refused = |template: &str| frame(template, "", "").unwrap_err();
        assert!(refused("{{ raise_exception('only systems') }}").contains("only systems"));
        assert!(refused("{% for").contains("syntax"));
        assert!(refused("no words").contains("0 times"));
        assert!(refused("{{ messages[0].content }}{{ messages[0].content }}").contains("2 times"));
        assert!(
            refused("{% for i in range(9999) %}{% for j in range(9999) %}{{ i }}{% endfor %}{% endfor %}")
                .contains("fuel")
        );
    }
}
