//! What a folder says about its tokenizer besides the vocabulary: `tokenizer_config.json`, `special_tokens_map.json` and
//! `added_tokens.json`, read as transformers 5.23 reads them. Not here: the vocabulary, and which class of tokenizer it makes.

use super::super::error::{ModelError, Result};
use super::super::sentence_transformer::read_json;
use super::{complaint, shown};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tokenizers::{AddedToken, Tokenizer};

/// The parts special tokens play, as configuration files call them.
const ROLES: [&str; 7] = [
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
];

/// The special tokens of a family of models, where a folder names no others.
pub(super) struct Names {
    /// The role of the token before a text, and the token.
    pub begin: (&'static str, &'static str),
    /// The role of the token after a text, and the token.
    pub end: (&'static str, &'static str),
    pub pad: &'static str,
    pub unknown: &'static str,
    pub mask: &'static str,
    /// Whether the mask swallows the white space before it.
    pub mask_takes_space: bool,
    /// Whether the vocabulary lacks the mask and the model has a row for it all the same, right after the others.
    pub mask_comes_after: bool,
}

/// The special tokens of one tokenizer.
pub(super) struct Specials {
    pub begin: AddedToken,
    pub end: AddedToken,
    pub pad: AddedToken,
    pub unknown: AddedToken,
    pub mask: AddedToken,
    mask_comes_after: bool,
}

/// The settings of a tokenizer that has no `tokenizer.json`. A folder without any of the three files has all defaults.
pub(super) struct Settings {
    path: PathBuf,
    config: Map<String, Value>,
    roles: BTreeMap<&'static str, Role>,
    numbered: BTreeMap<u32, AddedToken>,
    extra: Option<Vec<AddedToken>>,
}

/// A token the folder names for a role; of a bare one only the name is known, not how it treats the white space around it.
struct Role {
    token: AddedToken,
    is_bare: bool,
}

impl Settings {
    /// Reads the three files. `added_tokens_decoder` in the first takes the place of the other two.
    pub(super) fn read(dir: &Path) -> Result<Settings> {
        let path = dir.join("tokenizer_config.json");
        let config = read_object(&path)?;
        let mut settings = Settings {
            roles: roles(&config, &path)?,
            extra: extra(&config, &path)?,
            numbered: BTreeMap::new(),
            config,
            path,
        };
        match settings
            .config
            .get("added_tokens_decoder")
            .filter(|decoder| !decoder.is_null())
        {
            Some(decoder) => settings.numbered = decoded(decoder, &settings.path)?,
            None => settings.read_older_files(dir)?,
        }
        for role in settings.roles.values_mut() {
            let mut numbered = settings.numbered.values();
            if let Some(token) = numbered.find(|token| token.content == role.token.content) {
                role.token = token.clone().special(true);
                role.is_bare = false;
            }
        }
        Ok(settings)
    }

    fn read_older_files(&mut self, dir: &Path) -> Result<()> {
        let path = dir.join("special_tokens_map.json");
        let map = read_object(&path)?;
        self.roles.extend(roles(&map, &path)?);
        if self.extra.is_none() {
            self.extra = extra(&map, &path)?;
        }
        let path = dir.join("added_tokens.json");
        for (content, id) in read_object(&path)? {
            let id = id.as_u64().and_then(|id| u32::try_from(id).ok());
            let id = id.ok_or_else(|| ModelError::config(&path, format!("{} has no token id", shown(&content))))?;
            let is_special = self.roles.values().any(|role| role.token.content == content)
                || self.extra.iter().flatten().any(|token| token.content == content);
            if let Some(other) = self.numbered.insert(id, AddedToken::from(content, is_special)) {
                let reason = format!("{} has the id of another token, {id}", shown(&other.content));
                return Err(ModelError::config(&path, reason));
            }
        }
        Ok(())
    }

    /// The tokenizer class the folder asks for, without the ending `Fast`.
    pub(super) fn class(&self) -> Option<&str> {
        let class = self.config.get("tokenizer_class")?.as_str()?;
        Some(class.strip_suffix("Fast").unwrap_or(class))
    }

    /// `tokenizer_config.json`, there or not.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A switch of `tokenizer_config.json`; `None` where it is missing or null.
    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>> {
        match self.config.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(ModelError::config(
                &self.path,
                format!("{key} is neither true nor false"),
            )),
        }
    }

    /// The family's special tokens, or those the folder names in their place.
    pub(super) fn specials(&self, names: &Names) -> Specials {
        let special = |role: &str, default: &str| match self.roles.get(role) {
            Some(role) => role.token.clone(),
            None => AddedToken::from(default, true),
        };
        let mut mask = special("mask_token", names.mask);
        if self.roles.get("mask_token").is_none_or(|role| role.is_bare) {
            mask.lstrip = names.mask_takes_space;
        }
        Specials {
            begin: special(names.begin.0, names.begin.1),
            end: special(names.end.0, names.end.1),
            pad: special("pad_token", names.pad),
            unknown: special("unk_token", names.unknown),
            mask,
            mask_comes_after: names.mask_comes_after,
        }
    }

    /// Tells the tokenizer which tokens stand for themselves in a text: numbered ones, special ones, extra ones. Those that the vocabulary
    /// lacks get the next ids, which have to be the ids the folder gives them; special ones it lacks are left out, as a text that happens to
    /// contain `[MASK]` must not get an id the model has no row for. `more` are extra ones where the folder lists none.
    pub(super) fn register(
        &self,
        tokenizer: &mut Tokenizer,
        specials: &Specials,
        more: Vec<AddedToken>,
        path: &Path,
    ) -> Result<()> {
        let mut tokens: Vec<AddedToken> = Vec::new();
        let five = [
            &specials.unknown,
            &specials.begin,
            &specials.end,
            &specials.pad,
            &specials.mask,
        ];
        let named: Vec<&AddedToken> = five
            .into_iter()
            .chain(self.roles.values().map(|role| &role.token))
            .collect();
        for token in self.numbered.values() {
            let is_special = token.special || named.iter().any(|other| other.content == token.content);
            tokens.push(token.clone().special(is_special));
        }
        let is_new =
            |tokens: &[AddedToken], token: &AddedToken| tokens.iter().all(|other| other.content != token.content);
        for token in named {
            let is_after = specials.mask_comes_after && token.content == specials.mask.content;
            if is_new(&tokens, token) && (is_after || tokenizer.token_to_id(&token.content).is_some()) {
                tokens.push(token.clone());
            }
        }
        for token in self.extra.as_ref().unwrap_or(&more) {
            if is_new(&tokens, token) {
                tokens.push(token.clone());
            }
        }
        tokenizer.add_tokens(tokens).map_err(|error| complaint(path, &error))?;
        for (id, token) in &self.numbered {
            let got = tokenizer.token_to_id(&token.content);
            if got != Some(*id) {
                let got = got.map_or("none".to_string(), |got| got.to_string());
                let reason = format!(
                    "{} should have id {id}, but the vocabulary gives it {got}",
                    shown(&token.content)
                );
                return Err(complaint(path, &reason));
            }
        }
        Ok(())
    }
}

fn read_object(path: &Path) -> Result<Map<String, Value>> {
    match read_json(path)? {
        None => Ok(Map::new()),
        Some(Value::Object(object)) => Ok(object),
        Some(_) => Err(ModelError::config(path, "this is not a JSON object")),
    }
}

fn roles(object: &Map<String, Value>, path: &Path) -> Result<BTreeMap<&'static str, Role>> {
    let mut roles = BTreeMap::new();
    for role in ROLES {
        if let Some(value) = object.get(role).filter(|value| !value.is_null()) {
            let token = token(value, true).ok_or_else(|| ModelError::config(path, format!("{role} is not a token")))?;
            let is_bare = value.is_string();
            roles.insert(role, Role { token, is_bare });
        }
    }
    Ok(roles)
}

/// The tokens beyond the seven roles, under their newer or their older key.
fn extra(object: &Map<String, Value>, path: &Path) -> Result<Option<Vec<AddedToken>>> {
    for key in ["extra_special_tokens", "additional_special_tokens"] {
        let tokens: Option<Vec<AddedToken>> = match object.get(key) {
            None | Some(Value::Null) => continue,
            Some(Value::Array(tokens)) => tokens.iter().map(|value| token(value, true)).collect(),
            Some(Value::Object(tokens)) => tokens.values().map(|value| token(value, true)).collect(),
            Some(_) => None,
        };
        return match tokens {
            Some(tokens) => Ok(Some(tokens)),
            None => Err(ModelError::config(path, format!("{key} is not a list of tokens"))),
        };
    }
    Ok(None)
}

fn decoded(decoder: &Value, path: &Path) -> Result<BTreeMap<u32, AddedToken>> {
    let wrong = || ModelError::config(path, "added_tokens_decoder does not map token ids to tokens");
    let mut numbered = BTreeMap::new();
    for (id, value) in decoder.as_object().ok_or_else(wrong)? {
        let id: u32 = id.parse().map_err(|_| wrong())?;
        numbered.insert(id, token(value, false).ok_or_else(wrong)?);
    }
    Ok(numbered)
}

/// A token as a bare string, or written out with how it treats white space and normalisation.
fn token(value: &Value, is_special: bool) -> Option<AddedToken> {
    let object = match value {
        Value::String(content) => return Some(AddedToken::from(content, is_special)),
        Value::Object(object) => object,
        _ => return None,
    };
    let content = object.get("content")?.as_str()?;
    let flag = |key: &str| object.get(key).and_then(Value::as_bool);
    let is_special = is_special || flag("special").unwrap_or(false);
    let token = AddedToken::from(content, is_special)
        .lstrip(flag("lstrip").unwrap_or(false))
        .rstrip(flag("rstrip").unwrap_or(false))
        .single_word(flag("single_word").unwrap_or(false));
    Some(match flag("normalized") {
        Some(normalized) => token.normalized(normalized),
        None => token,
    })
}
