// The rows of the command table that are about bookings.

extension CommandTable {
    /// What asks for amounts from a later time on, and what is asked about that.
    static let bookings = [
        row(
            .book,
            ["pool", "claims"],
            options: [
                .at, .for, .tenant, .holder, .ttl, .priority, .request, .select, .tag, .purpose,
            ],
            required: [.at, .for],
            "Books amounts from a later time on: they become a lease then.",
            "BOOK gpus 2*gpu=4 AT 3600000 FOR 7200000 TENANT research REQUEST 7f3c"
        ),
        row(
            .bookingCancel,
            ["booking"],
            "Ends a booking that has not begun.",
            "BOOKING CANCEL 281474976710673"
        ),
        row(
            .bookingGet,
            ["booking"],
            "Shows a booking, or what became of it.",
            "BOOKING GET 281474976710673"
        ),
        row(
            .bookingList,
            options: [.pool, .tenant, .limit, .after],
            "Lists bookings that have not begun, by age.",
            "BOOKING LIST POOL gpus"
        ),
    ]
}
