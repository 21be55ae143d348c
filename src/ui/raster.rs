//! Draws what egui tessellated into a picture on the processor: for screenshots where there is no display, no GPU and no driver.
//!
//! Not here: anything about screens. Colours are premultiplied and blended in gamma space, as egui's own renderers do.

use std::collections::HashMap;
use std::io::Write;

use egui::{
    Color32, ColorImage, Context, FullOutput, ImageData, Rect, TextureId,
    epaint::{Mesh, Primitive, Vertex},
};

/// Textures as they stand after the frames so far.
#[derive(Default)]
pub struct Raster {
    textures: HashMap<TextureId, ColorImage>,
    freed: Vec<TextureId>,
}

impl Raster {
    /// Takes the texture changes of a frame over; call it for every frame, drawn or not.
    pub fn update(&mut self, output: &mut FullOutput) {
        for id in self.freed.drain(..) {
            self.textures.remove(&id);
        }
        let delta = &mut output.textures_delta;
        for (id, changes) in delta.set.drain() {
            for change in changes {
                let ImageData::Color(image) = change.image;
                match (change.pos, self.textures.get_mut(&id)) {
                    (Some([left, top]), Some(texture)) => copy_into(texture, &image, left, top),
                    _ => {
                        self.textures.insert(id, (*image).clone());
                    }
                }
            }
        }
        // Freed textures may still be drawn in this very frame.
        self.freed.extend(delta.free.drain());
    }

    /// The frame as a picture of `width` × `height` pixels on `background`.
    pub fn draw(
        &self,
        ctx: &Context,
        output: &FullOutput,
        width: usize,
        height: usize,
        background: Color32,
    ) -> ColorImage {
        let mut canvas = ColorImage::filled([width, height], background);
        let scale = output.pixels_per_point;
        for clipped in ctx.tessellate(output.shapes.clone(), scale) {
            let Primitive::Mesh(mesh) = &clipped.primitive else {
                continue;
            };
            let Some(texture) = self.textures.get(&mesh.texture_id) else {
                continue;
            };
            draw_mesh(&mut canvas, mesh, texture, clipped.clip_rect, scale);
        }
        canvas
    }
}

/// Writes a picture as PNG.
///
/// # Errors
/// When `out` cannot be written.
pub fn write_png(image: &ColorImage, out: impl Write) -> Result<(), png::EncodingError> {
    let mut encoder = png::Encoder::new(out, image.size[0] as u32, image.size[1] as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let bytes: Vec<u8> = image
        .pixels
        .iter()
        .flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()])
        .collect();
    encoder.write_header()?.write_image_data(&bytes)
}

fn copy_into(texture: &mut ColorImage, patch: &ColorImage, left: usize, top: usize) {
    for y in 0..patch.size[1] {
        for x in 0..patch.size[0] {
            let (to_x, to_y) = (left + x, top + y);
            if to_x < texture.size[0] && to_y < texture.size[1] {
                texture[(to_x, to_y)] = patch[(x, y)];
            }
        }
    }
}

/// Pixels `x0..x1` × `y0..y1`.
#[derive(Clone, Copy)]
struct Window {
    x0: i64,
    y0: i64,
    x1: i64,
    y1: i64,
}

fn draw_mesh(canvas: &mut ColorImage, mesh: &Mesh, texture: &ColorImage, clip: Rect, scale: f32) {
    let limit = |v: f32, max: usize| (v * scale).round().clamp(0.0, max as f32) as i64;
    let window = Window {
        x0: limit(clip.min.x, canvas.size[0]),
        y0: limit(clip.min.y, canvas.size[1]),
        x1: limit(clip.max.x, canvas.size[0]),
        y1: limit(clip.max.y, canvas.size[1]),
    };
    for corners in mesh.indices.chunks_exact(3) {
        let vertex = |i: u32| mesh.vertices.get(i as usize).copied();
        if let (Some(a), Some(b), Some(c)) = (vertex(corners[0]), vertex(corners[1]), vertex(corners[2])) {
            draw_triangle(canvas, texture, window, scale, [a, b, c]);
        }
    }
}

fn draw_triangle(canvas: &mut ColorImage, texture: &ColorImage, window: Window, scale: f32, corners: [Vertex; 3]) {
    let [a, mut b, mut c] = corners;
    let place = |v: &Vertex| (f64::from(v.pos.x * scale), f64::from(v.pos.y * scale));
    let doubled = cross(place(&a), place(&b), place(&c));
    if doubled == 0.0 || !doubled.is_finite() {
        return;
    }
    if doubled < 0.0 {
        std::mem::swap(&mut b, &mut c);
    }
    let area = doubled.abs();
    let (pa, pb, pc) = (place(&a), place(&b), place(&c));
    let edges = [(pb, pc), (pc, pa), (pa, pb)];
    let low = pa.1.min(pb.1).min(pc.1).floor() as i64;
    let high = pa.1.max(pb.1).max(pc.1).ceil() as i64;
    // Panels, cards and bars: one colour and one texel, found once.
    let plain = a.color == b.color && b.color == c.color && a.uv == b.uv && b.uv == c.uv;
    let constant = plain.then(|| shade(texture, [(1.0, a), (0.0, b), (0.0, c)]));
    for y in low.max(window.y0)..high.min(window.y1) {
        let (x0, x1) = span(&edges, y, window);
        for x in x0..x1 {
            let source = match constant {
                Some(source) => source,
                None => {
                    let at = (x as f64 + 0.5, y as f64 + 0.5);
                    let weight = |(from, to)| (cross(from, to, at) / area) as f32;
                    shade(
                        texture,
                        [(weight(edges[0]), a), (weight(edges[1]), b), (weight(edges[2]), c)],
                    )
                }
            };
            blend(&mut canvas[(x as usize, y as usize)], source);
        }
    }
}

/// From corner to corner.
type Edge = ((f64, f64), (f64, f64));

/// The pixels of row `y` whose middles lie inside all three edges, as a half-open range within the window.
fn span(edges: &[Edge; 3], y: i64, window: Window) -> (i64, i64) {
    let (mut x0, mut x1) = (window.x0, window.x1);
    for (from, to) in edges {
        // The edge function along the row is `start + slope · x` for pixel column x.
        let start = cross(*from, *to, (0.5, y as f64 + 0.5));
        let slope = from.1 - to.1;
        let inside = |x: i64| {
            let w = start + slope * x as f64;
            w > 0.0 || (w == 0.0 && owns_edge(*from, *to))
        };
        if slope == 0.0 {
            if !inside(0) {
                return (0, 0);
            }
            continue;
        }
        // The crossing is rounded; the two pixels around it are asked.
        let crossing = (-start / slope).clamp(-1e9, 1e9).floor() as i64;
        let first = (crossing - 1..=crossing + 2)
            .find(|x| inside(*x) == (slope > 0.0))
            .unwrap_or(crossing);
        if slope > 0.0 {
            x0 = x0.max(first);
        } else {
            x1 = x1.min(first);
        }
    }
    (x0, x1)
}

/// The premultiplied colour, channels in 0..=255, at the place with these weights of the corners.
fn shade(texture: &ColorImage, corners: [(f32, Vertex); 3]) -> [f32; 4] {
    let [(wa, a), (wb, b), (wc, c)] = corners;
    let texel = sample(
        texture,
        wa * a.uv.x + wb * b.uv.x + wc * c.uv.x,
        wa * a.uv.y + wb * b.uv.y + wc * c.uv.y,
    );
    let (ca, cb, cc) = (a.color.to_array(), b.color.to_array(), c.color.to_array());
    std::array::from_fn(|i| {
        let color = wa * f32::from(ca[i]) + wb * f32::from(cb[i]) + wc * f32::from(cc[i]);
        color * texel[i] / 255.0
    })
}

fn blend(pixel: &mut Color32, source: [f32; 4]) {
    let through = 1.0 - source[3] / 255.0;
    let under = pixel.to_array();
    let [r, g, b, a] = std::array::from_fn(|i| (source[i] + f32::from(under[i]) * through).round() as u8);
    *pixel = Color32::from_rgba_premultiplied(r, g, b, a);
}

/// Twice the signed area; positive when `p` lies to the inner side of `a` → `b`.
fn cross(a: (f64, f64), b: (f64, f64), p: (f64, f64)) -> f64 {
    (b.0 - a.0) * (p.1 - a.1) - (b.1 - a.1) * (p.0 - a.0)
}

/// A pixel exactly on an edge belongs to one of the two triangles that share it: the one it is the top or left edge of.
fn owns_edge(from: (f64, f64), to: (f64, f64)) -> bool {
    to.1 < from.1 || (to.1 == from.1 && to.0 > from.0)
}

/// The texture at (u, v) in 0..=1, linearly filtered, channels in 0..=255.
fn sample(texture: &ColorImage, u: f32, v: f32) -> [f32; 4] {
    let [width, height] = texture.size;
    let (x, y) = (u * width as f32 - 0.5, v * height as f32 - 0.5);
    let (left, top) = (x.floor(), y.floor());
    let (fx, fy) = (x - left, y - top);
    let texel = |dx: f32, dy: f32| {
        let column = (left + dx).clamp(0.0, width as f32 - 1.0) as usize;
        let row = (top + dy).clamp(0.0, height as f32 - 1.0) as usize;
        texture[(column, row)].to_array()
    };
    let (a, b, c, d) = (texel(0.0, 0.0), texel(1.0, 0.0), texel(0.0, 1.0), texel(1.0, 1.0));
    std::array::from_fn(|i| {
        let upper = f32::from(a[i]) * (1.0 - fx) + f32::from(b[i]) * fx;
        let lower = f32::from(c[i]) * (1.0 - fx) + f32::from(d[i]) * fx;
        upper * (1.0 - fy) + lower * fy
    })
}

#[cfg(test)]
mod tests {
    use egui::{Pos2, RawInput, pos2, vec2};

    use super::*;

    fn frame(paint: impl Fn(&egui::Painter)) -> ColorImage {
        let ctx = Context::default();
        let mut raster = Raster::default();
        let size = vec2(40.0, 30.0);
        let input = || RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, size)),
            ..RawInput::default()
        };
        let mut output = ctx.run_ui(input(), |ui| paint(ui.painter()));
        raster.update(&mut output);
        raster.draw(&ctx, &output, 40, 30, Color32::BLACK)
    }

    #[test]
    fn a_filled_rectangle_covers_exactly_its_pixels() {
        let red = Color32::from_rgb(200, 10, 20);
        let picture = frame(|painter| {
            painter.rect_filled(Rect::from_min_max(pos2(10.0, 5.0), pos2(20.0, 15.0)), 0, red);
        });
        let inside = (11..19).flat_map(|x| (6..14).map(move |y| (x, y)));
        assert!(inside.into_iter().all(|at| picture[at] == red));
        assert_eq!(picture[(8, 10)], Color32::BLACK);
        assert_eq!(picture[(22, 10)], Color32::BLACK);
    }

    #[test]
    fn half_transparent_colour_is_blended_once_on_shared_edges() {
        let picture = frame(|painter| {
            let white = Color32::from_rgba_unmultiplied(255, 255, 255, 128);
            painter.rect_filled(Rect::from_min_max(pos2(4.0, 4.0), pos2(36.0, 26.0)), 0, white);
        });
        let levels: std::collections::BTreeSet<u8> = (6..34)
            .flat_map(|x| (6..24).map(move |y| (x, y)))
            .map(|at| picture[at].r())
            .collect();
        assert_eq!(levels.len(), 1, "{levels:?}");
    }

    #[test]
    fn text_is_drawn_and_clipped() {
        let picture = frame(|painter| {
            let clipped = painter.with_clip_rect(Rect::from_min_max(pos2(0.0, 0.0), pos2(20.0, 30.0)));
            clipped.text(
                pos2(2.0, 2.0),
                egui::Align2::LEFT_TOP,
                "MMMMMM",
                egui::FontId::proportional(16.0),
                Color32::WHITE,
            );
        });
        let lit = |range: std::ops::Range<usize>| {
            range
                .flat_map(|x| (0..30).map(move |y| (x, y)))
                .filter(|at| picture[*at].r() > 128)
                .count()
        };
        assert!(lit(0..20) > 20);
        assert_eq!(lit(20..40), 0);
    }

    #[test]
    fn png_has_the_size_of_the_picture() {
        let mut bytes = Vec::new();
        write_png(&ColorImage::filled([7, 5], Color32::RED), &mut bytes).unwrap();
        let reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        assert_eq!((reader.info().width, reader.info().height), (7, 5));
    }
}
