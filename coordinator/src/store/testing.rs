//! A store on a real database in a folder of its own.
