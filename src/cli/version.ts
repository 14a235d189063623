/** The version of this gantry; test/docs.test.ts holds it to package.json and CHANGELOG.md. */
export const version = '0.1.0'
