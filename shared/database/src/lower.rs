use sea_orm::DbBackend;

/// A column with its ASCII letters in lower case, and all others as they are. SQLite's `lower` knows no others;
/// that of Postgres goes by the locale of whoever made the database, unless it is told. Compare with what
/// [`str::to_ascii_lowercase`] makes of a value.
pub fn lower_ascii(backend: DbBackend, column: &str) -> String {
    match backend {
        DbBackend::Postgres => format!("lower({column} collate \"C\")"),
        _ => format!("lower({column})"),
    }
}
