-- How a session of the page began, and so what it ends with.

ALTER TABLE sessions ADD COLUMN origin TEXT NOT NULL DEFAULT 'password'
    CHECK (origin IN (
        -- Name and password, and the second factor where there is one.
        'password',
        -- A link that was bought with a user's token: it ends with the token.
        'token',
        -- A link that was bought with the home's own token: `user` is whoever asked for it, and no row of `users`.
        'home'
    ));

ALTER TABLE sessions ADD COLUMN token INTEGER CHECK ((token IS NOT NULL) = (origin = 'token'));
