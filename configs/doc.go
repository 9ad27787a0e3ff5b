// Package configs owns the configuration of a job: its types, the strict reader of its YAML file, the checks that
// need nothing but the file, its JSON Schema, the default mapping for RingCentral and the files people start from.
//
// What the mapping's expressions, attributes and filters mean is left to package mapping, whose errors MappingProblems
// turns into lines and columns of the file; whether a tenant or a token is any good, to the connectors.
//
// Caveats: the types, their tags and their comments are the only description of the format. The reader obeys the
// tags and the schema is made from them and from the comments, so a key that one knows the other knows too.
package configs
