-- Reserved for work under way.
SELECT;
