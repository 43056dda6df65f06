//! How the tool's cost grows with the site: measures it into a file of figures, and draws a picture from that file.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::Cost;

/// The cost of one run on a site with this many files.
pub struct Row {
    pub work: String,
    pub files: usize,
    pub cost: Cost,
}

const HEAD: &str = "work,files,wall in s,CPU in s,memory in MB,requests";

/// Writes the figures, one row a line.
pub fn write(rows: &[Row], file: &Path) {
    let mut text = format!("{HEAD}\n");
    for Row { work, files, cost } in rows {
        let Cost { wall, cpu, memory, requests, .. } = cost;
        let _ = writeln!(text, "{work},{files},{wall:.2},{cpu:.2},{memory:.1},{requests}");
    }
    fs::write(file, text).expect("the file of figures");
}

/// A row of the file.
struct Figures {
    work: String,
    files: f64,
    /// The cost of one file in each panel.
    costs: [f64; PANELS.len()],
}

/// The panels of the picture, from left to right. Each shows a cost per file.
const PANELS: [&str; 3] = ["time, ms a file", "memory, kB a file", "requests a file"];

/// Draws the figures of a file.
///
/// # Panics
/// If it is not a file that [`write()`] wrote.
pub fn draw(file: &Path, picture: &Path) {
    let text = fs::read_to_string(file).expect("the file of figures");
    let rows: Vec<Figures> = text.lines().skip(1).map(figures).collect();
    fs::write(picture, svg(&rows)).expect("the picture");
}

fn figures(line: &str) -> Figures {
    let [work, numbers @ ..] = &line.split(',').collect::<Vec<_>>()[..] else {
        panic!("no figures: {line}")
    };
    let numbers: Vec<f64> = numbers.iter().map(|n| n.parse().expect("a number")).collect();
    let [files, wall, _, memory, requests] = numbers[..] else { panic!("no figures: {line}") };
    let costs = [wall * 1e3 / files, memory * 1e3 / files, requests / files];
    Figures { work: (*work).to_owned(), files, costs }
}

/// In the units of the picture.
const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 170.0;
const GAP: f64 = 50.0;
const TOP: f64 = 60.0;
const LEFT: f64 = 30.0;

/// A picture that is readable on light and dark pages. Both axes are logarithmic: a tenth is one step down.
fn svg(rows: &[Figures]) -> String {
    let mut works: Vec<&str> = rows.iter().map(|row| row.work.as_str()).collect();
    works.dedup();
    let whole = LEFT + PANELS.len() as f64 * (WIDTH + GAP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {whole} {:.0}\" font-family=\"system-ui, sans-serif\" font-size=\"12\">\n<title>What one file costs on sites of different sizes</title>\n<style>\n  text {{ fill: #333 }} line {{ stroke: #999 }} .w0 {{ stroke: #1f6fb2; fill: #1f6fb2 }} .w1 {{ stroke: #b3541e; fill: #b3541e }}\n  path.w0, path.w1 {{ fill: none; stroke-width: 2 }} text.w0, text.w1 {{ stroke: none }}\n  @media (prefers-color-scheme: dark) {{ text {{ fill: #ccc }} line {{ stroke: #777 }} .w0 {{ stroke: #6cb4ee; fill: #6cb4ee }} .w1 {{ stroke: #ee9a6c; fill: #ee9a6c }} }}\n</style>\n",
        TOP + HEIGHT + 40.0
    );
    for (index, work) in works.iter().enumerate() {
        let x = LEFT + index as f64 * 160.0;
        let _ = writeln!(
            svg,
            "<circle class=\"w{index}\" cx=\"{x}\" cy=\"14\" r=\"4\"/><text class=\"w{index}\" x=\"{}\" y=\"18\">{work}</text>",
            x + 10.0
        );
    }
    for (panel, name) in PANELS.iter().enumerate() {
        draw_panel(&mut svg, rows, &works, panel, name);
    }
    svg + "</svg>\n"
}

fn draw_panel(svg: &mut String, rows: &[Figures], works: &[&str], panel: usize, name: &str) {
    let left = LEFT + panel as f64 * (WIDTH + GAP);
    let (low, high) = span(rows.iter().map(|row| row.costs[panel].log10()));
    let (first, last) = span(rows.iter().map(|row| row.files.log10()));
    let bottom = TOP + HEIGHT;
    let x = |files: f64| left + 20.0 + (files.log10() - first) / (last - first) * (WIDTH - 40.0);
    let y = |cost: f64| bottom - 28.0 - (cost.log10() - low) / (high - low) * (HEIGHT - 53.0);
    let _ = writeln!(
        svg,
        "<text x=\"{left}\" y=\"{}\" font-weight=\"600\">{name}</text><line x1=\"{left}\" y1=\"{bottom}\" x2=\"{}\" y2=\"{bottom}\"/>",
        TOP - 12.0,
        left + WIDTH
    );
    for row in rows.iter().filter(|row| row.work == works[0]) {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            x(row.files),
            bottom + 18.0,
            thousands(row.files)
        );
    }
    for (index, work) in works.iter().enumerate() {
        let of_work: Vec<&Figures> = rows.iter().filter(|row| row.work == *work).collect();
        let points: Vec<String> = of_work
            .iter()
            .map(|row| format!("{:.1} {:.1}", x(row.files), y(row.costs[panel])))
            .collect();
        let _ = writeln!(svg, "<path class=\"w{index}\" d=\"M{}\"/>", points.join(" L"));
        for row in of_work {
            let (x, y) = (x(row.files), y(row.costs[panel]));
            let label = y + if index == 0 { -9.0 } else { 17.0 };
            let _ = writeln!(
                svg,
                "<circle class=\"w{index}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/><text class=\"w{index}\" x=\"{x:.1}\" y=\"{label:.1}\" text-anchor=\"middle\">{}</text>",
                short(row.costs[panel])
            );
        }
    }
}

/// The least and the greatest value, which always differ.
fn span(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) =
        values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    if low < high { (low, high) } else { (low - 1.0, high + 1.0) }
}

/// Two significant digits.
fn short(cost: f64) -> String {
    let decimals = (1.0 - cost.log10().floor()).clamp(0.0, 6.0);
    format!("{cost:.0$}", decimals as usize)
}

fn thousands(files: f64) -> String {
    let files = files.round() as u64;
    match files {
        0..1000 => files.to_string(),
        _ => format!("{},{:03}", files / 1000, files % 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_of_one_file() {
        let row = figures("empty bucket,1000,2.00,1.00,50.0,1010");
        assert_eq!((row.work.as_str(), row.files), ("empty bucket", 1000.0));
        assert_eq!(row.costs, [2.0, 50.0, 1.01]);
        assert_eq!([0.012, 0.99, 2.04, 51.3].map(short), ["0.012", "0.99", "2.0", "51"]);
        assert_eq!(thousands(100_000.0), "100,000");
    }
}
