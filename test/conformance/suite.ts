import { describe, test } from 'node:test'
import { Repository, type Feature, type Subject } from './client.ts'
import { discoveryTests } from './discovery.ts'
import { manifestTests } from './manifests.ts'
import { managementTests } from './management.ts'
import { pullTests } from './pull.ts'
import { referrerTests } from './referrers.ts'
import { uploadTests } from './uploads.ts'

/** Defines one test, in a repository of its own, unless the registry lacks the feature. */
export type Define = (title: string, body: (repository: Repository, subject: Subject) => Promise<void>, feature?: Feature) => void

/**
 * Checks a registry against distribution-spec 1.1, over HTTP and from the outside. `subject` is asked for when the tests run; the
 * tests need a registry that anybody may push to, and use repositories with new names below `conformance/`.
 */
export const conformanceSuite = (title: string, subject: () => Subject, lacks: readonly Feature[] = []): void => {
  const define: Define = (name, body, feature) => {
    if (feature === undefined || !lacks.includes(feature)) void test(name, () => body(new Repository(subject()), subject()))
  }
  void describe(title, () => {
    void describe('pull', () => pullTests(define))
    void describe('push of blobs', () => uploadTests(define))
    void describe('push of manifests', () => manifestTests(define))
    void describe('content discovery', () => discoveryTests(define))
    void describe('referrers', () => referrerTests(define))
    void describe('content management', () => managementTests(define))
  })
}
