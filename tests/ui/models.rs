//! The Models screen: what is on this machine, and what it reads before every text.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use candle_core::Device;
use egui::Theme;
use egui_kittest::kittest::Queryable;
use handful::core::TaskKind;
use handful::model::Encoder;
use handful::model::catalog::Catalog;
use handful::ui::screens::models;

use crate::support::project;

#[test]
fn a_model_with_a_prompt_says_so() {
    let mut desk = project(TaskKind::SingleLabel, &["warm"], "", [1280.0, 800.0], Theme::Dark);
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/weights/model");
    let given = desk.folder.path().join("tiny");
    Encoder::load(&model, &Device::Cpu).unwrap().save(&given).unwrap();
    let catalog = Catalog::with(&desk.folder.path().join("cache"), Vec::new(), Vec::new());
    let mut quiet = |_: handful::model::catalog::Progress<'_>| ControlFlow::Continue(());
    catalog.add(&given, None, None, &mut quiet).unwrap();
    catalog
        .add(&given, Some("asking"), Some("query: "), &mut quiet)
        .unwrap();
    desk.app().catalog = Arc::new(catalog);
    desk.go(models::ID);
    desk.harness.get_by_label_contains("asking, 5");
    desk.harness.get_by_label_contains("reads “query: ” before every text");
    desk.harness.get_by_label_contains("tiny, ");
    desk.harness.check_accessibility();
}
