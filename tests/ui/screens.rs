//! Every screen, in both themes and at both ends of window sizes: it draws, and everything to press has a name.

use crate::support::{project, window};
use egui::Theme;
use egui_kittest::kittest::Queryable;
use handful::core::TaskKind;
use handful::ui::screens::SCREENS;

const TEXTS: &str = "My refund never arrived,billing;shipping,train\nThe app crashes when I log in,bug,train\nLove the new export,praise,test\n\
                     Why was I charged twice?,billing,validation\nParcel says delivered but it is not here,,\n\"A longer one,\nover two lines\",,\n";

const SIZES: [[f32; 2]; 2] = [[1280.0, 800.0], [640.0, 480.0]];

#[test]
fn every_screen_draws_a_filled_project() {
    for theme in [Theme::Dark, Theme::Light] {
        for size in SIZES {
            let mut desk = project(
                TaskKind::MultiLabel,
                &["billing", "shipping", "bug", "praise"],
                TEXTS,
                size,
                theme,
            );
            for screen in SCREENS.iter().filter(|screen| screen.in_rail) {
                desk.go(screen.id);
                assert_eq!(desk.harness.state().screen().id, screen.id);
                desk.harness.get_by_label("saved");
                desk.harness.check_accessibility();
            }
        }
    }
}

#[test]
fn every_screen_draws_a_tree_of_labels_and_an_empty_project() {
    let labels = ["Electronics > Phones > Cases", "Electronics > TV", "Home > Kitchen"];
    for (labels, texts) in [
        (
            &labels[..],
            "A case for my phone,Electronics > Phones > Cases,\nA knife,,\n",
        ),
        (&[], ""),
    ] {
        let mut desk = project(TaskKind::SingleLabel, labels, texts, SIZES[0], Theme::Dark);
        for screen in SCREENS.iter().filter(|screen| screen.in_rail) {
            desk.go(screen.id);
            desk.harness.check_accessibility();
        }
    }
}

#[test]
fn the_welcome_screen_has_three_doors() {
    for theme in [Theme::Dark, Theme::Light] {
        for size in SIZES {
            let mut desk = window(size, theme);
            desk.harness.run_steps(3);
            for door in ["Open the sample", "Start from my file", "Empty project"] {
                desk.harness.get_by_label(door);
            }
        }
    }
}

#[test]
fn screens_without_texts_offer_to_import() {
    let mut desk = project(TaskKind::SingleLabel, &[], "", SIZES[0], Theme::Light);
    desk.go(handful::ui::screens::data::ID);
    desk.harness.get_by_label("Import a file").click();
    desk.harness.run_steps(3);
    desk.harness.get_by_label("Path");
}

#[test]
fn pictures_are_drawn_without_a_display() {
    let mut desk = project(TaskKind::MultiLabel, &["billing"], TEXTS, SIZES[0], Theme::Dark);
    let folder = desk.folder.path().join("pictures");
    let files = handful::ui::pictures(desk.app(), &folder, [640, 480]).unwrap();
    // Evaluate has three tabs.
    assert_eq!(
        files.len(),
        2 * (SCREENS.iter().filter(|screen| screen.in_rail).count() + 2)
    );
    let light = files.iter().find(|file| file.ends_with("data-light.png")).unwrap();
    let mut reader = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(light).unwrap()))
        .read_info()
        .unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    let share = |wanted: &dyn Fn(&[u8]) -> bool| {
        pixels.chunks_exact(3).filter(|pixel| wanted(pixel)).count() as f64 / (640.0 * 480.0)
    };
    assert!(
        share(&|pixel| pixel.iter().all(|channel| *channel > 235)) > 0.6,
        "mostly light"
    );
    let ink = share(&|pixel| pixel.iter().all(|channel| *channel < 110));
    assert!((0.002..0.2).contains(&ink), "with text on it: {ink}");
    assert!(desk.app().project().is_ok(), "the project is still open");
}
