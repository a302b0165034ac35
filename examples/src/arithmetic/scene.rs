//! Where things stand in the picture: two planes seen from above and aside, the input below and the output over it.

use super::Arithmetic;

/// A point of the picture, in pixels.
pub(super) type Point = [f64; 2];

/// One step to the next column, and one to the next row, in pixels.
const COLUMN: Point = [31.0, 5.0];
const ROW: Point = [-15.0, 16.0];
/// Free height between the planes, in pixels.
const GAP: f64 = 18.0;

/// The two planes of a layer.
pub(super) struct Scene {
    /// Cells `[rows, columns]` of the lower plane.
    lower: [f64; 2],
    /// Where the output begins, in cells of the lower plane.
    offset: [f64; 2],
    /// Rows and columns of the output.
    upper: [f64; 2],
    /// Of the upper plane, in pixels.
    height: f64,
    origin: Point,
}

impl Scene {
    pub(super) fn of(of: &Arithmetic) -> Self {
        let lower = [0, 1].map(|axis| of.slides[axis].cells().len() as f64);
        let upper = [0, 1].map(|axis| of.layer.output()[axis] as f64);
        let offset = [0, 1].map(|axis| (lower[axis] - upper[axis]) / 2.0);
        let mut scene = Self { lower, offset, upper, height: 0.0, origin: [0.0, 0.0] };
        let front = scene.upper_corners().map(|[_, y]| y).into_iter().fold(f64::MIN, f64::max);
        let back = scene.lower_corners().map(|[_, y]| y).into_iter().fold(f64::MAX, f64::min);
        scene.height = front - back + GAP;
        let corners = scene.corners();
        scene.origin = [0, 1].map(|axis| -corners.iter().map(|corner| corner[axis]).fold(f64::MAX, f64::min));
        scene
    }

    /// Width and height of the picture.
    pub(super) fn size(&self) -> Point {
        let corners = self.corners();
        [0, 1].map(|axis| corners.iter().map(|corner| corner[axis]).fold(0.0, f64::max))
    }

    fn corners(&self) -> Vec<Point> {
        [self.lower_corners(), self.upper_corners()].concat()
    }

    fn lower_corners(&self) -> [Point; 4] {
        self.lower_box([0.0, 0.0], self.lower)
    }

    fn upper_corners(&self) -> [Point; 4] {
        square([0.0, 0.0], self.upper).map(|at| self.above(at))
    }

    /// The corners of a box of cells of the lower plane: its first `[row, column]` and its size.
    pub(super) fn lower_box(&self, first: [f64; 2], size: [f64; 2]) -> [Point; 4] {
        square(first, size).map(|at| self.project(at, 0.0))
    }

    /// The corners of a cell of the lower plane, and of one of the upper.
    pub(super) fn lower_cell(&self, [row, column]: [usize; 2]) -> [Point; 4] {
        self.lower_box([row as f64, column as f64], [1.0, 1.0])
    }

    /// The corners of a cell of the output.
    pub(super) fn upper_cell(&self, [row, column]: [usize; 2]) -> [Point; 4] {
        square([row as f64, column as f64], [1.0, 1.0]).map(|at| self.above(at))
    }

    fn above(&self, [row, column]: [f64; 2]) -> Point {
        self.project([row + self.offset[0], column + self.offset[1]], self.height)
    }

    fn project(&self, [row, column]: [f64; 2], height: f64) -> Point {
        let [x, y] = [0, 1].map(|axis| self.origin[axis] + column * COLUMN[axis] + row * ROW[axis]);
        [x, y - height]
    }
}

/// The way from one cell to another, in pixels.
pub(super) fn way(rows: usize, columns: usize) -> Point {
    [0, 1].map(|axis| columns as f64 * COLUMN[axis] + rows as f64 * ROW[axis])
}

fn square([row, column]: [f64; 2], [rows, columns]: [f64; 2]) -> [[f64; 2]; 4] {
    [[row, column], [row, column + columns], [row + rows, column + columns], [row + rows, column]]
}
