//! What one operation cost, in each data set or each group.

use crate::measure::{Cost, median};

/// How much more an operation may cost in the largest data set than in the smallest.
const AIM: f64 = 1.3;

/// Time and processor time of one, in microseconds.
pub(crate) struct Line {
    name: String,
    columns: Vec<[Vec<f64>; 2]>,
}

impl Line {
    pub(crate) fn new(name: &str, columns: usize) -> Self {
        Self { name: name.to_owned(), columns: vec![[Vec::new(), Vec::new()]; columns] }
    }

    pub(crate) fn add(&mut self, column: usize, cost: Cost) {
        if let Some([wall, cpu]) = self.columns.get_mut(column) {
            wall.push(cost.wall_us());
            cpu.push(cost.cpu_us());
        }
    }

    /// `judged`: by the figure that the aim is about.
    pub(crate) fn tell(self, judged: bool) {
        let columns = self.columns.into_iter().map(|costs| costs.map(median));
        let columns: Vec<[f64; 2]> = columns.filter(|[wall, _]| !wall.is_nan()).collect();
        let figures: Vec<String> = columns.iter().map(|[wall, cpu]| format!(" {wall:9.1} {cpu:9.1}")).collect();
        let growth = match (columns.first(), columns.last()) {
            (Some([_, small]), Some([_, large])) if columns.len() > 1 => {
                let aim = if judged { format!(" (aim: at most x{AIM})") } else { String::new() };
                format!("   x{:.2}{aim}", large / small)
            }
            _ => String::new(),
        };
        println!("    {:34}{}{growth}", self.name, figures.concat());
    }
}
