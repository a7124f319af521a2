//! A chart for each group: a bar for each runtime at each benchmark, on a logarithmic scale with `linux` at 1.

use std::error::Error;
use std::ops::Range;
use std::path::{Path, PathBuf};

use plotters::coord::Shift;
use plotters::prelude::{
    BLACK, ChartBuilder, Color, DrawingArea, IntoDrawingArea, IntoFont, IntoLogRange, PathElement, RGBColor, Rectangle, SVGBackend,
    SeriesLabelPosition, Text, WHITE,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::calls::benchmark::Group;
use crate::figures::short;
use crate::report::Line;

/// Pixels: of the picture across, of a benchmark down, and of what stands above and below them.
const WIDTH: u32 = 1000;
const ROW: u32 = 62;
const MARGINS: u32 = 120;
/// Of the names of benchmarks.
const NAMES: u32 = 290;

/// By the place of a runtime. They differ in brightness as well as in colour.
const COLOURS: [RGBColor; 4] = [RGBColor(38, 70, 130), RGBColor(225, 140, 40), RGBColor(120, 180, 150), RGBColor(150, 90, 160)];

/// Writes the charts into a folder, and gives their paths.
pub fn write(lines: &[Line], names: &[String], folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut written = Vec::new();
    for group in Group::ALL {
        let lines: Vec<&Line> = lines.iter().filter(|line| line.group == group.name()).collect();
        if lines.iter().any(|line| line.runtimes.values().any(|of| of.ratio.is_some())) {
            let path = folder.join(format!("{}.svg", group.name()));
            chart(&lines, names, group.name(), &path)?;
            written.push(path);
        }
    }
    Ok(written)
}

fn chart(lines: &[&Line], names: &[String], title: &str, path: &Path) -> Result<(), Box<dyn Error>> {
    let height = lines.len() as u32 * ROW + MARGINS;
    let root = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let rows = lines.len() as f64;
    let mut chart = ChartBuilder::on(&root)
        .caption(format!("{title}: time, as a multiple of the native call"), ("sans-serif", 20))
        .margin(10)
        .x_label_area_size(40)
        .y_label_area_size(NAMES)
        // the first benchmark stands on top
        .build_cartesian_2d(range(lines).log_scale(), rows..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .max_light_lines(0)
        .y_labels(0)
        .x_label_formatter(&|value| short(*value))
        .x_desc("linux = 1")
        .draw()?;
    let share = 0.8 / names.len().max(1) as f64;
    for (place, name) in names.iter().enumerate() {
        let colour = COLOURS[place % COLOURS.len()];
        let bars = lines.iter().enumerate().filter_map(|(row, line)| {
            let ratio = line.runtimes.get(name)?.ratio?.median;
            let top = row as f64 + 0.1 + place as f64 * share;
            Some(Rectangle::new([(1.0, top), (ratio, top + share * 0.9)], colour.filled()))
        });
        let sample = move |(x, y): (i32, i32)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(8));
        chart.draw_series(bars)?.label(name.as_str()).legend(sample);
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK)
        .draw()?;
    label(&root, lines)?;
    root.present()?;
    Ok(())
}

/// From the lowest to the highest ratio, with 1 and some room.
fn range(lines: &[&Line]) -> Range<f64> {
    let ratios = || lines.iter().flat_map(|line| line.runtimes.values()).filter_map(|of| Some(of.ratio?.median));
    let (least, most) = (ratios().fold(1.0, f64::min), ratios().fold(1.0, f64::max));
    least * 0.7..most * 1.5
}

/// Writes the names of benchmarks beside their bars.
fn label(root: &DrawingArea<SVGBackend<'_>, Shift>, lines: &[&Line]) -> Result<(), Box<dyn Error>> {
    let style = ("sans-serif", 13).into_font().color(&BLACK).pos(Pos::new(HPos::Right, VPos::Center));
    // the caption is above, the axis below: what is left belongs to the rows
    let (top, bottom) = (36, 50);
    let room = root.dim_in_pixel().1.saturating_sub(top + bottom);
    for (row, line) in lines.iter().enumerate() {
        let y = top + (2 * row as u32 + 1) * room / (2 * lines.len() as u32);
        root.draw(&Text::new(line.name.clone(), (NAMES as i32, y as i32), style.clone()))?;
    }
    Ok(())
}
