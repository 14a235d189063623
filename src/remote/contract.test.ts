import { startFaultyRegistry } from '../testing/faulty-registry.ts'
import { testRemoteRepository } from '../testing/remote-repository.ts'

const little = { mount: false, referrers: false, digestHeader: false, absoluteLocations: true }

testRemoteRepository('a repository of a registry that can do everything', startFaultyRegistry)
testRemoteRepository('a repository of a registry that can do little', () => startFaultyRegistry(little))
