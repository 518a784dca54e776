//! Many rows in one statement: a round trip costs more than the rows in it.

use sea_orm::{DbBackend, DbErr, Value};

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

/// Rows of one statement at the most where each column is one parameter: none is so large that it is felt.
const GIVEN: usize = 1_024;

/// Rows that a statement is given: something to select from.
pub struct Given {
    /// `values …`, or a `select` of the same rows in the same order. Its parameters are the first ones.
    pub sql: String,
    /// The parameters.
    pub values: Vec<Value>,
}

/// Rows in pieces for one statement each, their columns of these types: `text`, `bigint`, `integer`, `smallint` or
/// `boolean`. Postgres gets a column as one parameter, however many rows there are: so there is one statement to
/// prepare and to plan, and a thousand rows cost one round trip. Others get a parameter a value, see [`chunks`].
///
/// # Errors
/// When a value is of another type.
pub fn given<const N: usize>(
    backend: DbBackend,
    types: &[&str; N],
    rows: &[[Value; N]],
) -> Result<Vec<Given>, DbErr> {
    if backend != DbBackend::Postgres {
        let piece = |rows: &[[Value; N]]| Given {
            sql: format!("values {}", tuples(rows.len(), N)),
            values: rows.iter().flatten().cloned().collect(),
        };
        return Ok(chunks(rows).map(piece).collect());
    }
    let columns: Vec<String> = types
        .iter()
        .enumerate()
        .map(|(column, of)| format!("${}::{of}[]", column + 1))
        .collect();
    let sql = format!("select * from unnest({})", columns.join(", "));
    let pieces = rows.chunks(GIVEN).map(|rows| {
        let values = (0..N).map(|column| array(rows.iter().map(|row| &row[column])));
        Ok(Given {
            sql: sql.clone(),
            values: values.collect::<Result<_, _>>()?,
        })
    });
    pieces.collect()
}

/// An array as Postgres writes it: the driver's own would have to be of one type throughout.
fn array<'a>(values: impl Iterator<Item = &'a Value>) -> Result<Value, DbErr> {
    let mut text = String::from("{");
    for value in values {
        if text.len() > 1 {
            text.push(',');
        }
        match value {
            Value::String(Some(value)) => quote(value, &mut text),
            Value::BigInt(Some(value)) => text.push_str(&value.to_string()),
            Value::Int(Some(value)) => text.push_str(&value.to_string()),
            Value::SmallInt(Some(value)) => text.push_str(&value.to_string()),
            Value::Bool(Some(value)) => text.push(if *value { 't' } else { 'f' }),
            Value::String(None)
            | Value::BigInt(None)
            | Value::Int(None)
            | Value::SmallInt(None)
            | Value::Bool(None) => text.push_str("NULL"),
            other => return Err(DbErr::Type(format!("{other:?} is given as a row's value"))),
        }
    }
    text.push('}');
    Ok(text.into())
}

fn quote(value: &str, text: &mut String) {
    text.push('"');
    for character in value.chars() {
        if matches!(character, '"' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgres_gets_a_column_as_one_parameter_and_others_a_value() {
        let rows: [[Value; 2]; 3] = [
            ["plain".into(), 1_i64.into()],
            [
                r#"a "quoted" \ one, {with} NULL"#.into(),
                Value::BigInt(None),
            ],
            [Value::String(None), (-3_i64).into()],
        ];
        let types = ["text", "bigint"];
        let [one] = &given(DbBackend::Postgres, &types, &rows).unwrap()[..] else {
            panic!("three rows are one piece");
        };
        assert_eq!(one.sql, "select * from unnest($1::text[], $2::bigint[])");
        let texts = r#"{"plain","a \"quoted\" \\ one, {with} NULL",NULL}"#;
        assert_eq!(one.values, [texts.into(), "{1,NULL,-3}".into()]);
        let two = given(DbBackend::Sqlite, &types, &rows).unwrap();
        let sql: Vec<&str> = two.iter().map(|piece| piece.sql.as_str()).collect();
        assert_eq!(sql, ["values ($1, $2), ($3, $4)", "values ($1, $2)"]);
        assert_eq!(two[1].values, rows[2]);
        assert!(given(DbBackend::Postgres, &["float8"], &[[1.5.into()]]).is_err());
    }

    #[test]
    fn many_rows_are_given_in_pieces() {
        let rows = vec![["key".into()]; GIVEN + 1];
        let pieces = given(DbBackend::Postgres, &["text"], &rows).unwrap();
        assert_eq!(pieces.len(), 2);
        assert_eq!(pieces[1].values, [r#"{"key"}"#.into()]);
    }

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
