/** What a blob of an artifact is called as a file (image-spec annotations.md). */
export const titleKey = 'org.opencontainers.image.title'
/** oras' annotations of a folder that was packed as a tar: to be unpacked, and the digest of the tar before compression. */
export const unpackKey = 'io.deis.oras.content.unpack'
export const folderDigestKey = 'io.deis.oras.content.digest'
/** The artifact type of files that say nothing of themselves, as oras has it. */
export const unknownArtifactType = 'application/vnd.unknown.artifact.v1'
