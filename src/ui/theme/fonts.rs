//! The faces: Inter in four weights, egui's Hack for commands, Lucide for icons.
//!
//! Inter's files were changed so that digits have equal width: see `assets/fonts/freeze_features.py`.

use std::sync::Arc;

use egui::{Context, FontData, FontDefinitions, FontFamily, FontId};

/// Stroke weights of Inter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// 400.
    Regular,
    /// 500.
    Medium,
    /// 600.
    SemiBold,
    /// 700.
    Bold,
}

const FACES: [(&str, &[u8]); 4] = [
    (
        "Inter-Regular",
        include_bytes!("../../../assets/fonts/Inter-Regular.otf"),
    ),
    ("Inter-Medium", include_bytes!("../../../assets/fonts/Inter-Medium.otf")),
    (
        "Inter-SemiBold",
        include_bytes!("../../../assets/fonts/Inter-SemiBold.otf"),
    ),
    ("Inter-Bold", include_bytes!("../../../assets/fonts/Inter-Bold.otf")),
];

const ICONS: &str = "Lucide";

/// Inter at `points`.
pub fn font(points: f32, weight: Weight) -> FontId {
    let family = match weight {
        Weight::Regular => FontFamily::Proportional,
        Weight::Medium => FontFamily::Name(FACES[1].0.into()),
        Weight::SemiBold => FontFamily::Name(FACES[2].0.into()),
        Weight::Bold => FontFamily::Name(FACES[3].0.into()),
    };
    FontId::new(points, family)
}

/// The face for commands, paths and code.
pub fn mono(points: f32) -> FontId {
    FontId::new(points, FontFamily::Monospace)
}

/// The face of the icons.
pub fn icon_font(points: f32) -> FontId {
    FontId::new(points, FontFamily::Name(ICONS.into()))
}

/// Installs every face.
pub fn install_fonts(ctx: &Context) {
    let mut fonts = FontDefinitions::default();
    let fallback = fonts
        .families
        .get(&FontFamily::Proportional)
        .cloned()
        .unwrap_or_default();
    for (name, bytes) in FACES {
        fonts
            .font_data
            .insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
        let family = if name == FACES[0].0 {
            FontFamily::Proportional
        } else {
            FontFamily::Name(name.into())
        };
        let chain = std::iter::once(name.to_owned())
            .chain(fallback.iter().cloned())
            .collect();
        fonts.families.insert(family, chain);
    }
    fonts.font_data.insert(
        ICONS.to_owned(),
        Arc::new(FontData::from_static(lucide_icons::LUCIDE_FONT_BYTES)),
    );
    fonts.families.insert(
        FontFamily::Name(ICONS.into()),
        vec![ICONS.to_owned(), FACES[0].0.to_owned()],
    );
    ctx.set_fonts(fonts);
}
