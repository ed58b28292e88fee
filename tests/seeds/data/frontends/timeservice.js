// What the frontend of the time service does, for Node: asks for the time whenever it has got it.
var autobahn = require('autobahn');

var connection = new autobahn.Connection({ url: process.env.CBURL, realm: process.env.CBREALM });

connection.onopen = function (session) {
   function ask() {
      session.call('com.timeservice.now').then(
         function (now) {
            console.log("Current time:", now);
            connection.close();
         },
         function (error) {
            console.log("Error:", error.error);
            setTimeout(ask, 100);
         }
      );
   }
   ask();
};

connection.open();
