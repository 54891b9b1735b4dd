// What placement of shared devices sees: places with their free amounts, and what is asked of them.
//
// A device is one resource of the kind that is shared out (a GPU). Its free amount is in
// thousandths; the capacity of every device is 1,000. Models are numbers that whoever keeps the
// places hands out.

/// A place with what it has free.
package struct DevicePlace: Equatable, Sendable {
    /// Free thousandths of a CPU.
    package var cpu: UInt64
    /// Free bytes.
    package var memory: UInt64
    /// What the devices are; of no meaning without a device.
    package var model: UInt16
    /// Free thousandths of each device.
    package var devices: [UInt16]
    /// For how long something of it may stay taken.
    package var lifetime = LifetimeClass.shortest
    /// The same of each device; empty where nobody said how long.
    package var lifetimes: [LifetimeClass] = []

    /// A place with these amounts free.
    package init(cpu: UInt64, memory: UInt64, model: UInt16, devices: [UInt16]) {
        self.cpu = cpu
        self.memory = memory
        self.model = model
        self.devices = devices
    }

    /// For how long something of a device may stay taken.
    func lifetime(ofDevice device: Int) -> LifetimeClass {
        if !lifetimes.isEmpty { return lifetimes[device] }
        return Int(devices[device]) < Self.whole ? .endless : .shortest
    }

    /// Free thousandths of all devices.
    package var free: Int { devices.reduce(0) { $0 + Int($1) } }
}

/// What is asked of one place.
package struct DeviceDemand: Hashable, Sendable {
    /// Thousandths of a CPU.
    package let cpu: UInt64
    /// Bytes.
    package let memory: UInt64
    /// How many devices; 0 for none.
    package let count: Int
    /// Thousandths of each: below 1,000 only of a single one, 0 of none.
    package let share: Int
    /// The models that will do, ascending; any when empty.
    package let models: [UInt16]
    /// How long it lives at most; the shortest where that is not known, or is not to matter.
    package var lifetime = LifetimeClass.shortest

    /// What a request asks for.
    package init(cpu: UInt64, memory: UInt64, count: Int, share: Int, models: [UInt16]) {
        self.cpu = cpu
        self.memory = memory
        self.count = count
        self.share = count == 0 ? 0 : share
        self.models = count == 0 ? [] : models.sorted()
    }

    /// Thousandths of a device in all.
    package var total: Int { count * share }

    /// Whether a part of one device is asked for.
    package var isShare: Bool { count == 1 && share < DevicePlace.whole }

    /// Whether devices of this model will do.
    package func allows(_ model: UInt16) -> Bool { models.isEmpty || models.contains(model) }
}

extension DevicePlace {
    /// A whole device.
    package static let whole = 1000
    /// The most devices of a place that are told apart.
    static let devicesMax = 255

    /// Whether the place could take the demand now.
    package func fits(_ demand: DeviceDemand) -> Bool {
        guard cpu >= demand.cpu, memory >= demand.memory else { return false }
        if demand.count == 0 { return true }
        guard demand.allows(model) else { return false }
        var left = demand.count
        for free in devices where Int(free) >= demand.share {
            left -= 1
            if left == 0 { return true }
        }
        return false
    }

    /// Takes the demand, which fits.
    ///
    /// A share comes from `device`, whole ones are the first that are free.
    package mutating func take(_ demand: DeviceDemand, from device: Int) {
        cpu -= demand.cpu
        memory -= demand.memory
        if demand.isShare {
            devices[device] -= UInt16(demand.share)
            return
        }
        var left = demand.count
        for index in devices.indices where left > 0 && Int(devices[index]) == Self.whole {
            devices[index] = 0
            left -= 1
        }
    }

    /// Whether an earlier device is like this one, so that it costs the same.
    func hasEarlier(like device: Int) -> Bool {
        let free = devices[device]
        if lifetimes.isEmpty { return devices[..<device].contains(free) }
        return (0..<device).contains { earlier in
            devices[earlier] == free && lifetimes[earlier] == lifetimes[device]
        }
    }

    /// The fullest device that still has the share; the first of equal ones.
    package func fullest(for share: Int) -> Int? {
        var best: Int?
        for (index, free) in devices.enumerated() where Int(free) >= share {
            if let known = best, devices[known] <= free { continue }
            best = index
        }
        return best
    }
}

/// How well a demand goes to a place.
package struct DeviceBid: Equatable, Sendable {
    /// Lower is better.
    package let cost: Int32
    /// Which device a share comes from; 0 where there is none to choose.
    package let device: Int

    /// A bid of this cost.
    package init(cost: Int32, device: Int) {
        self.cost = cost
        self.device = device
    }
}

/// Ranks places for a demand.
package protocol DevicePolicy: Sendable {
    /// What it costs to put `demand` into `place`, in which it fits.
    func bid(for demand: DeviceDemand, at place: DevicePlace) -> DeviceBid
}
