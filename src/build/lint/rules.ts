interface Rule {
  /** What the rule asks for, as BuildKit says it. */
  readonly description: string
  /** What goes wrong otherwise. */
  readonly why: string
  /** Only checked where the options ask for it. */
  readonly experimental?: true
}

const rules = {
  StageNameCasing: {
    description: 'Stage names should be lowercase',
    why: 'Stage names are compared without regard to case, so that names which differ only in it look like two and are one.',
  },
  FromAsCasing: {
    description: "The 'as' keyword should match the case of the 'from' keyword",
    why: 'Keywords in one case tell instructions from names at a glance.',
  },
  NoEmptyContinuation: {
    description: 'Empty continuation lines will become errors in a future release',
    why: 'The instruction goes on behind the empty line, though it looks as if it had ended there.',
  },
  ConsistentInstructionCasing: {
    description: 'All commands within the Dockerfile should use the same casing (either upper or lower)',
    why: 'Instructions in one case are found by eye and by grep.',
  },
  DuplicateStageName: {
    description: 'Stage names should be unique',
    why: 'Of two stages with one name only the last can be built by --target and copied from by later stages.',
  },
  ReservedStageName: {
    description: 'Reserved words should not be used as stage names',
    why: '"scratch" is the empty image and "context" the build context; a stage of that name cannot be told from them.',
  },
  JSONArgsRecommended: {
    description: 'JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals',
    why: 'In the shell form /bin/sh is process 1 and passes no signals on: the program is killed after ten seconds instead of ending by itself.',
  },
  MaintainerDeprecated: {
    description: 'The MAINTAINER instruction is deprecated, use a label instead to define an image author',
    why: 'Labels can be searched and filtered by; the author field is hardly read by anything.',
  },
  UndefinedArgInFrom: {
    description: 'FROM command must use declared ARGs',
    why: 'A variable in FROM is empty unless an ARG before the first FROM declares it; --build-arg alone does nothing.',
  },
  WorkdirRelativePath: {
    description:
      'Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes',
    why: 'The path is relative to the working directory of the base image, which its next version may change.',
  },
  UndefinedVar: {
    description: 'Variables should be defined before their use',
    why: 'A variable that neither ENV nor ARG has set in this stage is an empty string, and nothing says so.',
  },
  MultipleInstructionsDisallowed: {
    description: 'Multiple instructions of the same type should not be used in the same stage',
    why: 'Only the last CMD, ENTRYPOINT and HEALTHCHECK of a stage counts.',
  },
  LegacyKeyValueFormat: {
    description: 'Legacy key/value format with whitespace separator should not be used',
    why: 'In the old form all that follows the name is one value, also what looks like a second pair.',
  },
  InvalidBaseImagePlatform: {
    description: 'Base image platform does not match expected target platform',
    why: 'Programs of another platform run slowly by emulation, or not at all.',
  },
  RedundantTargetPlatform: {
    description: 'Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior',
    why: 'A FROM without --platform already takes the image for the target platform.',
  },
  SecretsUsedInArgOrEnv: {
    description: 'Sensitive data should not be used in the ARG or ENV commands',
    why: "What ARG and ENV hold stays in the image's config or history, where everybody who has the image can read it.",
  },
  InvalidDefaultArgInFrom: {
    description: 'Default value for global ARG results in an empty or invalid base image name',
    why: 'The Dockerfile cannot be built without --build-arg.',
  },
  FromPlatformFlagConstDisallowed: {
    description: 'FROM --platform flag should not use a constant value',
    why: 'The stage is for one platform, whatever platform the image is built for.',
  },
  CopyIgnoredFile: {
    description: 'Attempting to Copy file that is excluded by .dockerignore',
    why: 'The file is not in the build context, so the step fails or copies nothing.',
  },
  InvalidDefinitionDescription: {
    description:
      'Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not intended to be a description comment, add an empty line or comment between the instruction and the comment.',
    why: 'Only a comment of that form is shown as a description by --call outline and --call targets.',
    experimental: true,
  },
  ExposeProtoCasing: {
    description: 'Protocol in EXPOSE instruction should be lowercase',
    why: 'The config of the image has the protocol in lowercase; tools that compare the two find a difference.',
  },
  ExposeInvalidFormat: {
    description:
      'IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release',
    why: 'EXPOSE publishes nothing: only the port of the container is kept, the rest is dropped.',
  },
} as const satisfies Readonly<Record<string, Rule>>

export type RuleName = keyof typeof rules

/** The rules of BuildKit's newest Dockerfile frontend, by name. */
export const lintRules: Readonly<Record<RuleName, Rule>> = rules

/** Where docker's documentation explains a rule; undefined for the one that it does not. */
export const ruleUrl = (rule: RuleName): string | undefined =>
  rule === 'InvalidBaseImagePlatform'
    ? undefined
    : `https://docs.docker.com/go/dockerfile/rule/${rule.replace(/(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, '-').toLowerCase()}/`
