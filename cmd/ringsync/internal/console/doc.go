// Package console owns the web console of a daemon and the control API that it and the command line use: who may come in,
// the pages, and what they ask of a job.
//
// Pages look at a job's records through package engine, which costs the same however many people and log entries there
// are. Whatever does something, or asks one of the services, is a command line as the program takes it (Job.Run), so
// that there is one way to do a thing, and one place that says who did it.
//
// Pages are whole without JavaScript; htmx only saves loading them anew. Names come from the directory, where anybody may
// be called <script>: nothing reaches a page but through html/template, and the Content-Security-Policy lets no script or
// style run that is not a file of this package.
package console
