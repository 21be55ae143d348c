//! Which colour, key and name a label has on screen. Six colours are chosen by hand, the rest is generated so that neighbours stay
//! apart, also for colour-blind eyes.

use std::collections::HashMap;
use std::sync::OnceLock;

use egui::Color32;

use crate::core::{LabelId, LabelTree};

const HAND_PICKED: [[u8; 3]; 6] = [
    [0x4C, 0x8D, 0xFF],
    [0xF2, 0x99, 0x4A],
    [0x3F, 0xB2, 0x7F],
    [0xE8, 0x68, 0x6E],
    [0x9B, 0x7B, 0xFF],
    [0xD9, 0xB2, 0x3A],
];

/// After this many the palette repeats; names and keys carry the meaning anyway.
const N_COLORS: usize = 36;

/// The palette's colour for the label at place `index` among its siblings, from 0.
pub fn color_at(index: usize) -> Color32 {
    static PALETTE: OnceLock<Vec<Color32>> = OnceLock::new();
    let palette = PALETTE.get_or_init(generate);
    palette[index % palette.len()]
}

/// Farthest-point sampling: each further colour is the candidate whose nearest chosen colour is as far away as possible, where far is
/// the smallest distance in OKLab over normal, protan and deutan vision.
fn generate() -> Vec<Color32> {
    let mut chosen: Vec<[u8; 3]> = HAND_PICKED.to_vec();
    let candidates: Vec<[u8; 3]> = [0.60, 0.70, 0.80]
        .into_iter()
        .flat_map(|lightness| [0.09, 0.15].into_iter().map(move |chroma| (lightness, chroma)))
        .flat_map(|(lightness, chroma)| (0..36).map(move |hue| oklch(lightness, chroma, f64::from(hue) * 10.0)))
        .flatten()
        .collect();
    while chosen.len() < N_COLORS {
        let nearest = |candidate: &[u8; 3]| {
            chosen
                .iter()
                .map(|c| apart(*c, *candidate))
                .fold(f64::INFINITY, f64::min)
        };
        let Some(best) = candidates.iter().max_by(|a, b| nearest(a).total_cmp(&nearest(b))) else {
            break;
        };
        chosen.push(*best);
    }
    chosen.into_iter().map(|[r, g, b]| Color32::from_rgb(r, g, b)).collect()
}

fn apart(a: [u8; 3], b: [u8; 3]) -> f64 {
    // Viénot, Brettel and Mollon (1999), for linear RGB.
    const PROTAN: [[f64; 3]; 3] = [
        [0.11238, 0.88762, 0.0],
        [0.11238, 0.88762, 0.0],
        [0.00401, -0.00401, 1.0],
    ];
    const DEUTAN: [[f64; 3]; 3] = [
        [0.29275, 0.70725, 0.0],
        [0.29275, 0.70725, 0.0],
        [-0.02234, 0.02234, 1.0],
    ];
    const NORMAL: [[f64; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    [NORMAL, PROTAN, DEUTAN]
        .into_iter()
        .map(|seen| {
            let see = |rgb: [u8; 3]| {
                let linear = rgb.map(|v| (f64::from(v) / 255.0).powf(2.2));
                oklab(seen.map(|row| row.iter().zip(linear).map(|(m, v)| m * v).sum::<f64>().clamp(0.0, 1.0)))
            };
            let (a, b) = (see(a), see(b));
            a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt()
        })
        .fold(f64::INFINITY, f64::min)
}

/// OKLab of a linear RGB colour (Ottosson 2020).
fn oklab([r, g, b]: [f64; 3]) -> [f64; 3] {
    let l = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b).cbrt();
    let m = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b).cbrt();
    let s = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b).cbrt();
    [
        0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
        1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
        0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s,
    ]
}

/// sRGB bytes of an OKLCH colour; `None` outside the gamut.
fn oklch(lightness: f64, chroma: f64, hue_degrees: f64) -> Option<[u8; 3]> {
    let (a, b) = (
        chroma * hue_degrees.to_radians().cos(),
        chroma * hue_degrees.to_radians().sin(),
    );
    let l = (lightness + 0.3963377774 * a + 0.2158037573 * b).powi(3);
    let m = (lightness - 0.1055613458 * a - 0.0638541728 * b).powi(3);
    let s = (lightness - 0.0894841775 * a - 1.2914855480 * b).powi(3);
    let rgb = [
        4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
        -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
        -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s,
    ];
    if rgb.iter().any(|v| !(0.0..=1.0).contains(v)) {
        return None;
    }
    Some(rgb.map(|v| (v.powf(1.0 / 2.2) * 255.0).round() as u8))
}

/// How one label looks.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelLook {
    /// The name alone.
    pub name: String,
    /// Names from the root, joined.
    pub path: String,
    /// Its own colour, or its root's, fainter with depth.
    pub color: Color32,
    /// The key that sets it while it is offered, lower case; `None` when keys have run out. By place among all roots or all children of one
    /// label, unless it was given by hand.
    pub key: Option<char>,
    /// Whether the key was given by hand, so that it works wherever in the tree one is.
    pub has_own_key: bool,
    /// The label above.
    pub parent: Option<LabelId>,
    /// 0 for a root.
    pub depth: usize,
}

/// The looks of every label, in display order. O(labels); made once a frame.
#[derive(Debug, Clone, Default)]
pub struct LabelLooks {
    order: Vec<LabelId>,
    looks: HashMap<LabelId, LabelLook>,
}

/// Keys given by place: digits first, then letters no screen uses.
const KEYS_BY_PLACE: &str = "1234567890qwetyuiopsdhjklzxcvm";

/// The last of these, which in a tree accept the suggested paths instead, the likeliest first.
pub const PATH_KEYS: &str = "zxcvm";

impl LabelLooks {
    /// `background` is what faded colours fade towards.
    pub fn new(tree: &LabelTree, background: Color32) -> Self {
        let mut out = LabelLooks::default();
        let taken: Vec<char> = tree
            .iter()
            .filter_map(|label| label.key)
            .map(|key| key.to_ascii_lowercase())
            .collect();
        let by_place: Vec<char> = KEYS_BY_PLACE
            .chars()
            .filter(|key| !taken.contains(key) && !(tree.is_hierarchical() && PATH_KEYS.contains(*key)))
            .collect();
        // Keys given so far among the roots and below each label of the path.
        let mut n_given: Vec<usize> = Vec::new();
        let mut path: Vec<&str> = Vec::new();
        let mut colors: Vec<Color32> = Vec::new();
        let mut n_roots = 0;
        for (depth, label) in tree.in_order() {
            path.truncate(depth);
            colors.truncate(depth);
            n_given.truncate(depth + 1);
            n_given.resize(depth + 1, 0);
            let own_key = label.key.map(|key| key.to_ascii_lowercase());
            let key = own_key.or_else(|| {
                let given = n_given.last_mut()?;
                *given += 1;
                by_place.get(*given - 1).copied()
            });
            let inherited = colors.last().copied().unwrap_or_else(|| {
                n_roots += 1;
                color_at(n_roots - 1)
            });
            let own = label.color.map_or(inherited, |[r, g, b]| Color32::from_rgb(r, g, b));
            path.push(&label.name);
            colors.push(own);
            let fade = (1.0 - 0.18 * depth as f32).max(0.45);
            let look = LabelLook {
                name: label.name.clone(),
                path: path.join(" › "),
                color: super::mix(background, own, fade),
                key,
                has_own_key: label.key.is_some(),
                parent: label.parent,
                depth,
            };
            out.order.push(label.id);
            out.looks.insert(label.id, look);
        }
        out
    }

    /// One label's look.
    pub fn get(&self, id: LabelId) -> Option<&LabelLook> {
        self.looks.get(&id)
    }

    /// All labels in display order.
    pub fn iter(&self) -> impl Iterator<Item = (LabelId, &LabelLook)> {
        self.order.iter().filter_map(|id| Some((*id, self.looks.get(id)?)))
    }

    /// How many labels there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The label a key sets where the children of `at` are offered (`None`: the roots): one of them, or one that was given the key by hand.
    pub fn by_key(&self, at: Option<LabelId>, key: char) -> Option<LabelId> {
        let key = Some(key.to_ascii_lowercase());
        self.iter()
            .find(|(_, look)| look.key == key && (look.has_own_key || look.parent == at))
            .map(|(id, _)| id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Label;

    fn label(id: i64, name: &str, parent: Option<i64>) -> Label {
        Label {
            id: LabelId(id),
            name: name.into(),
            parent: parent.map(LabelId),
            position: id,
            color: None,
            key: None,
            description: String::new(),
        }
    }

    #[test]
    fn the_first_twelve_colours_stay_apart_for_colour_blind_eyes() {
        let rgb = |i| {
            let color = color_at(i);
            [color.r(), color.g(), color.b()]
        };
        for a in 0..12 {
            for b in 0..a {
                // Blue and violet of the hand-picked six are the closest pair; generated ones keep a wider berth.
                let least = if a < HAND_PICKED.len() { 0.02 } else { 0.04 };
                assert!(apart(rgb(a), rgb(b)) > least, "{a} and {b}: {}", apart(rgb(a), rgb(b)));
            }
        }
    }

    #[test]
    fn keys_go_by_place_and_skip_those_given_by_hand() {
        let mut second = label(2, "shipping", None);
        second.key = Some('1');
        let looks = LabelLooks::new(&LabelTree::new([label(1, "billing", None), second]), Color32::BLACK);
        assert_eq!(looks.by_key(None, '2'), Some(LabelId(1)));
        assert_eq!(looks.by_key(None, '1'), Some(LabelId(2)));
    }

    #[test]
    fn keys_begin_anew_below_every_label() {
        let mut far = label(5, "far", Some(3));
        far.key = Some('9');
        let (a, b, c) = (label(1, "a", None), label(2, "b", Some(1)), label(3, "c", None));
        let looks = LabelLooks::new(&LabelTree::new([a, b, c, label(4, "d", Some(3)), far]), Color32::BLACK);
        assert_eq!(looks.by_key(None, '1'), Some(LabelId(1)));
        assert_eq!(looks.by_key(None, '2'), Some(LabelId(3)));
        assert_eq!(looks.by_key(Some(LabelId(1)), '1'), Some(LabelId(2)));
        assert_eq!(looks.by_key(Some(LabelId(3)), '1'), Some(LabelId(4)));
        assert_eq!(looks.by_key(Some(LabelId(1)), '9'), Some(LabelId(5)), "given by hand");
        assert_eq!(looks.by_key(Some(LabelId(2)), '1'), None);
    }

    #[test]
    fn children_keep_the_hue_of_their_root() {
        let tree = LabelTree::new([label(1, "a", None), label(2, "b", Some(1)), label(3, "c", None)]);
        let looks = LabelLooks::new(&tree, Color32::BLACK);
        let color = |id| looks.get(LabelId(id)).map(|look| look.color);
        assert_eq!(color(1), Some(color_at(0)));
        assert_eq!(color(2), Some(super::super::mix(Color32::BLACK, color_at(0), 0.82)));
        assert_eq!(color(3), Some(color_at(1)));
        assert_eq!(looks.get(LabelId(2)).map(|look| look.path.as_str()), Some("a › b"));
    }
}
