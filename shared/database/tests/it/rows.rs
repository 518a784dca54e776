//! Rows that a statement is given, as the database reads them.

use database::given;
use sea_orm::{ConnectionTrait, Statement, Value};
use testing::Scratch;

use crate::open;

#[tokio::test]
async fn whatever_a_row_holds_comes_back_as_it_was() {
    let scratch = Scratch::new();
    let db = open(&scratch).await;
    let backend = db.read().get_database_backend();
    let texts = [
        Some(""),
        Some("NULL"),
        Some(r#"a "quoted" \ one, {with} 'all' \"of\" them\\"#),
        Some("two\nlines\tand ünïcode 🎫"),
        Some(" "),
        None,
    ];
    let number = |place: usize| i64::MAX - place as i64;
    let rows: Vec<[Value; 4]> = texts
        .iter()
        .enumerate()
        .map(|(place, text)| {
            [
                text.map(str::to_owned).into(),
                number(place).into(),
                Value::SmallInt(Some(place as i16)),
                (place % 2 == 0).into(),
            ]
        })
        .collect();
    let mut read = Vec::new();
    for rows in given(backend, &["text", "bigint", "smallint", "boolean"], &rows).unwrap() {
        let sql = format!(
            "with given (said, large, small, even) as ({}) select * from given order by small",
            rows.sql
        );
        let found = Statement::from_sql_and_values(backend, sql, rows.values);
        for row in db.read().query_all_raw(found).await.unwrap() {
            let said: Option<String> = row.try_get("", "said").unwrap();
            let place = row.try_get::<i16>("", "small").unwrap() as usize;
            assert_eq!(row.try_get::<i64>("", "large").unwrap(), number(place));
            assert_eq!(
                row.try_get::<bool>("", "even").unwrap(),
                place.is_multiple_of(2)
            );
            read.push((place, said));
        }
    }
    let told: Vec<_> = texts
        .iter()
        .map(|text| text.map(str::to_owned))
        .enumerate()
        .collect();
    assert_eq!(read, told);
}
