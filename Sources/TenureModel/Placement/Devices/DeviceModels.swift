// The models of a pool's devices by number.
//
// A model is a set of labels that devices carry. Models are numbered in the order in which they are
// met, those of the pool's record first, so that a number means the same after a restart.

/// The numbers of the models of a pool's devices.
struct DeviceModels {
    private(set) var labels: [[Label]]
    private var numbers: [[Label]: UInt16] = [:]
    /// The models that a selector allows, for the selectors of late.
    private var allowed: [[Label]: [UInt16]?] = [:]

    /// Selectors that are remembered.
    private static let selectorsMax = 256
    /// What all models beyond the number that is told apart are.
    private static let other = UInt16(LearntPolicy.modelsMax)

    /// The models of a record, under their numbers.
    init(_ labels: [[Label]] = []) {
        self.labels = labels
        for (number, labels) in labels.enumerated() { numbers[labels] = UInt16(number) }
    }

    /// The number of devices with these labels.
    mutating func number(of device: [Label]) -> UInt16 {
        if let known = numbers[device] { return known }
        guard labels.count < LearntPolicy.modelsMax else { return Self.other }
        let number = UInt16(labels.count)
        labels.append(device)
        numbers[device] = number
        allowed = [:]
        return number
    }

    /// The models that `selector` does not rule out: any when empty, none when `nil`.
    ///
    /// A label that a device does not carry may be its neighbour's, so it rules nothing out.
    mutating func allowed(by selector: [Label]) -> [UInt16]? {
        if selector.isEmpty { return [] }
        if let known = allowed[selector] { return known }
        let models = labels.indices.filter { model in
            selector.allSatisfy { wanted in
                !labels[model].contains { $0.name == wanted.name }
                    || Label.match([wanted], in: labels[model])
            }
        }
        var found: [UInt16]?
        if models.count == labels.count {
            found = []
        } else if !models.isEmpty {
            found = models.map { UInt16($0) }
        }
        if allowed.count >= Self.selectorsMax { allowed = [:] }
        allowed[selector] = .some(found)
        return found
    }
}
