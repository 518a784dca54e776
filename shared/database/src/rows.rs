//! Many rows in one statement: a round trip costs more than the rows in it.

/// Rows in one statement at the most: with 30 columns each they stay below 999 parameters, the least
/// that a build of SQLite may allow.
const ROWS: usize = 32;

/// The parameters of so many rows: `($1, $2), ($3, $4)` for two rows of two columns.
pub fn tuples(rows: usize, columns: usize) -> String {
    tuples_from(1, rows, columns)
}

/// The same, numbered from `first` on, for a statement that has parameters of its own.
pub fn tuples_from(first: usize, rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let marks: Vec<String> = (0..columns)
            .map(|column| format!("${}", first + row * columns + column))
            .collect();
        format!("({})", marks.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

/// How many of so many rows the next statement takes; 0 for none.
fn chunk(left: usize) -> usize {
    match left {
        0 => 0,
        left => ROWS.min(1 << left.ilog2()),
    }
}

/// Rows in pieces for one statement each: as many as a power of two, 32 at the most, so that few
/// statements are prepared and each is soon met again.
pub fn chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let (next, rest) = rows.split_at(chunk(rows.len()));
        rows = rest;
        (!next.is_empty()).then_some(next)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_numbered_through_all_rows() {
        assert_eq!(tuples(2, 3), "($1, $2, $3), ($4, $5, $6)");
        assert_eq!(tuples(0, 3), "");
        assert_eq!(tuples_from(4, 2, 2), "($4, $5), ($6, $7)");
    }

    #[test]
    fn any_number_of_rows_is_taken_in_pieces_of_few_sizes() {
        let sizes =
            |count: usize| -> Vec<usize> { chunks(&vec![(); count]).map(<[()]>::len).collect() };
        assert_eq!(sizes(0), [0; 0]);
        assert_eq!(sizes(1), [1]);
        assert_eq!(sizes(7), [4, 2, 1]);
        assert_eq!(sizes(75), [32, 32, 8, 2, 1]);
    }
}
