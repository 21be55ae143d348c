//! Which label a reply names, of a language model here or behind an endpoint.

/// A reply that is cut off is taken for a label from so many letters on.
const MIN_PREFIX: usize = 3;

/// What models put before the name because the prompt ended so.
const ECHOES: [&str; 4] = ["category", "categories", "answer", "label"];

/// The one of `names` a reply means: in any case, whatever the punctuation and white space; with words after it; or cut off, where no
/// other begins so. `None` where it is none of them, or could be several.
pub fn named(reply: &str, names: &[String]) -> Option<usize> {
    let each: Vec<&[String]> = names.iter().map(std::slice::from_ref).collect();
    named_among(reply, &each)
}

/// The same where each option is called by any of several names.
pub fn named_among<N: AsRef<[String]>>(reply: &str, options: &[N]) -> Option<usize> {
    let reply = without_echo(reply);
    let only = |matches: Vec<usize>| match matches.as_slice() {
        [only] => Some(*only),
        _ => None,
    };
    let any = |at: usize, is: &dyn Fn(&str) -> bool| options[at].as_ref().iter().any(|name| is(name));
    let matching = |is: &dyn Fn(&str) -> bool| (0..options.len()).filter(|at| any(*at, is)).collect::<Vec<_>>();
    let literal = matching(&|name| name.trim().to_lowercase() == reply.trim().to_lowercase());
    if !literal.is_empty() {
        return only(literal);
    }
    let words = plain(reply);
    if words.is_empty() {
        return None;
    }
    let exact = matching(&|name| plain(name) == words);
    if !exact.is_empty() {
        return only(exact);
    }
    let begins = |name: &str| {
        let name = plain(name);
        let goes_on = words.strip_prefix(&name).is_some_and(|rest| rest.starts_with(' '));
        (goes_on && !name.is_empty()).then_some(name.len())
    };
    let all = options.iter().flat_map(|names| names.as_ref());
    if let Some(longest) = all.filter_map(|name| begins(name)).max() {
        return only(matching(&|name| begins(name) == Some(longest)));
    }
    if words.chars().count() < MIN_PREFIX {
        return None;
    }
    only(matching(&|name| plain(name).starts_with(&words)))
}

/// Lower-case letters and digits with single spaces between them.
pub fn plain(text: &str) -> String {
    let spaced: String = text
        .to_lowercase()
        .chars()
        .map(|sign| if sign.is_alphanumeric() { sign } else { ' ' })
        .collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn without_echo(reply: &str) -> &str {
    match reply.split_once(':') {
        Some((echo, rest)) if ECHOES.contains(&plain(echo).as_str()) => rest,
        _ => reply,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(reply: &str) -> Option<&'static str> {
        const NAMES: [&str; 6] = ["Sport", "Sport & Leisure", "C++", "C", "home-garden", "World"];
        named(reply, &NAMES.map(str::to_owned)).map(|at| NAMES[at])
    }

    #[test]
    fn replies_name_labels_whatever_their_case_and_punctuation() {
        for (reply, name) in [
            ("sport", "Sport"),
            (" **Sport**.\n", "Sport"),
            ("SPORT, LEISURE", "Sport & Leisure"),
            ("Sport and more", "Sport"),
            ("sport & leisure, since it is about rowing", "Sport & Leisure"),
            ("c++", "C++"),
            ("c", "C"),
            ("Home Garden", "home-garden"),
            ("Category: world", "World"),
            ("wor", "World"),
        ] {
            assert_eq!(find(reply), Some(name), "{reply:?}");
        }
    }

    #[test]
    fn other_replies_are_refused() {
        for reply in ["", " \n", "?!", "sports", "the world", "wo", "politics", "I cannot say"] {
            assert_eq!(find(reply), None, "{reply:?}");
        }
        // Two labels of one name cannot be told apart.
        assert_eq!(named("a", &["a".to_owned(), "A".to_owned()]), None);
        // What could go on as either of two is neither.
        assert_eq!(named("worl", &["world".to_owned(), "worldly".to_owned()]), None);
    }
}
