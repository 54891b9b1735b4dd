// How a bug of our own stops the process.
//
// The standard `precondition` prints nothing in an optimised build; these do, because the
// sentence is what the operator sends us. They are for our own reasoning only: nothing that
// comes from a socket, a file or the environment may reach one.

/// Stops the process when our own reasoning turned out to be wrong, in every build.
@inlinable
package func invariant(
    _ holds: @autoclosure () -> Bool,
    _ statement: @autoclosure () -> String,
    file: StaticString = #fileID,
    line: UInt = #line
) {
    if !holds() { violated(statement(), file: file, line: line) }
}

/// Stops the process at a place that our own reasoning calls unreachable.
@inlinable
package func violated(
    _ statement: String,
    file: StaticString = #fileID,
    line: UInt = #line
) -> Never {
    fatalError(statement, file: file, line: line)
}
